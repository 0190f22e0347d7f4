# trainings.sh -- for scripts that make tables of trainings: source it with enf, out, log and threads set.
# Interrupted, a script goes on where it was: a training from its last saved state, and what is finished
# is not done again. $log has what was run, what it printed, and the processor time of it.

# Run a command with its output in the log as well, and the processor time that it took.
logged() {
  local TIMEFORMAT='processor seconds: %U'
  echo "[$(date '+%Y-%m-%d %H:%M:%S')] $*" | sed "s|$enf|enf|" | tee -a "$log"
  { time "$@" 2>&3; } 3>&2 2>>"$log" | tee -a "$log"
}

machine() { sed -n 's/^model name[^:]*: */processor: /p' /proc/cpuinfo | head -1 >>"$log"; }

# What goes on with a stopped training: of its flags those that a trainer's file does not have.
rest_of() {
  rest=()
  while [ $# -gt 0 ]; do
    case $1 in
    --init | --seed | --objective | --set | --topology | --unit) shift ;;
    *) rest+=("$1") ;;
    esac
    shift
  done
  rest+=(--resume)
}

# A training as `enf train` has it: FLOW and what else, or the rest of one that was stopped.
train() {
  local name=$1
  shift
  [ ! -f "$out/$name.done" ] || return 0
  local rest=("$@")
  [ ! -f "$out/$name.trainer" ] || rest_of "$@"
  logged "$enf" train "${rest[@]}" -o "$out/$name.safetensors" --threads "$threads"
  tail -40 "$log" | grep -q '^training *finished' ||
    { echo "$name is not finished: run it again" >&2; exit 1; }
  touch "$out/$name.done"
}
