#!/bin/sh
# Make man pages from the header blocks: generate.sh VERSION OUTDIR HEADER...
#
# A block is a comment that opens with two stars; its first line is "name, name: a sentence"; the
# declarations that follow it up to a blank line are its functions. They share one page: the first
# has it, the others refer to it (.so). A plain comment with a star on every line states rules for
# all later blocks of its header. Structs that a declaration mentions are shown with it. "make check"
# sees to it that every public function has its page.
set -e
version=$1 out=$2
shift 2

for header in "$@"; do
  awk -v version="$version" -v out="$out" -v header="$(basename "$header")" '
    function escape(s) { gsub(/\\/, "\\e", s); sub(/^[.\x27]/, "\\\\\\&&", s); gsub(/-/, "\\-", s); return s }
    function text(lines, n, page,    i, filled) {       # labelled lines keep their layout
      for (i = 1; i <= n; i++) {
        if (lines[i] == "") { print (filled ? ".PP" : ".sp") > page; continue }
        if (lines[i] ~ /^(In|Out|In\/out):/ || lines[i] ~ /^  /) {
          if (filled != 2) print ".sp\n.nf" > page
          filled = 2
        } else {
          if (filled == 2) print ".fi\n.sp" > page
          else if (lines[i] ~ /^[A-Z][a-z]+: /) print ".sp" > page
          filled = 1
        }
        print escape(lines[i]) > page
      }
      if (filled == 2) print ".fi" > page
    }
    function write_page(    page, i, names, n, name, sentence, rest, shown) {
      n = 0
      while (match(decl, /enf_[a-z_0-9]+\(/)) {
        names[++n] = substr(decl, RSTART, RLENGTH - 1)
        decl = substr(decl, RSTART + RLENGTH)
        sub(/^[^;]*;/, "", decl)
      }
      if (n == 0) return
      page = out "/" names[1] ".3"
      for (i = 2; i <= n; i++) { print ".so man3/" names[1] ".3" > (out "/" names[i] ".3"); close(out "/" names[i] ".3") }
      # the sentence: the first paragraph after the colon
      sentence = block[1]; sub(/^[a-z_0-9, ]+: */, "", sentence)
      for (i = 2; i <= blocks && block[i] != "" && block[i] !~ /^[A-Z][a-z\/]+:/ && block[i-1] !~ /\.$/; i++) sentence = sentence " " block[i]
      rest = 0
      for (; i <= blocks; i++) if (rest || block[i] != "") body[++rest] = block[i]
      print ".TH " toupper(names[1]) " 3 \"\" \"libenf " version "\" \"libenf\"" > page
      printf ".SH NAME\n" > page
      for (i = 1; i <= n; i++) printf "%s%s", escape(names[i]), (i < n ? ", " : "") > page
      one = sentence; sub(/\.$/, "", one)
      print " \\- " escape(one) > page
      print ".SH SYNOPSIS\n.nf\n.B #include <enf/enf.h>\n.sp" > page
      for (name in structs) if (index(synopsis, name " ") || index(synopsis, name ";")) print escape(structs[name]) ".sp" > page
      printf "%s", escape(synopsis) > page
      print ".fi\n.SH DESCRIPTION" > page
      print escape(toupper(substr(sentence, 1, 1)) substr(sentence, 2)) > page
      if (rest) print ".PP" > page
      text(body, rest, page)
      if (rules) { print ".SH COMMON RULES" > page; text(rule, rules, page) }
      print ".SH SEE ALSO\n.BR enf (1),\nthe header\n.I enf/" header > page
      close(page)
    }
    function strip(line) { sub(/^ ?\*\/?$/, "", line); sub(/^ \* ?/, "", line); sub(/ *\*\/ *$/, "", line); return line }

    /^typedef struct \{/ { in_struct = 1; body_text = "" }
    in_struct { body_text = body_text $0 "\n" }
    in_struct && /^\} enf_/ { name = $2; sub(/;/, "", name); structs[name] = body_text; in_struct = 0; next }
    in_struct { next }

    /^\/\*\* / || /^\/\*\*$/ {
      blocks = 0; after = 0; synopsis = ""; decl = ""
      one_line = $0 ~ /\*\/ *$/
      line = $0; sub(/^\/\*\* ?/, "", line); sub(/ *\*\/ *$/, "", line)
      if (line != "") block[++blocks] = line
      if (one_line) after = 1; else in_block = 1
      next
    }
    in_block {
      line = strip($0)
      if (line != "" || blocks) block[++blocks] = line
      if ($0 ~ /\*\/ *$/) { in_block = 0; after = 1; while (blocks && block[blocks] == "") blocks-- }
      next
    }
    /^\/\*$/ { in_rule = 1; rules = 0; next }
    in_rule {
      line = strip($0)
      if (line != "" || rules) rule[++rules] = line
      if ($0 ~ /\*\/ *$/) { in_rule = 0; while (rules && rule[rules] == "") rules-- }
      next
    }
    after && /^$/ { after = 0; write_page(); next }
    after && !/^#/ { synopsis = synopsis $0 "\n"; decl = decl $0 "\n" }
  ' "$header"
done
