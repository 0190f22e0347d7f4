"""Build the wheel: python3 wheel.py LIBRARY VERSION FOLDER. Standard library only.

The wheel is the package with the shared library inside, for any Python 3 of this platform: nothing in it is
compiled against Python. Its tag is the oldest glibc that the library's symbols ask for (PEP 600).
"""
import base64
import hashlib
import pathlib
import re
import subprocess
import sys
import sysconfig
import zipfile

HERE = pathlib.Path(__file__).resolve().parent


def platform_tag(library):
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    symbols = subprocess.run(["objdump", "-T", library], capture_output=True, text=True, check=True).stdout
    versions = [tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_(\d+\.\d+)", symbols)]
    if not platform.startswith("linux_") or not versions:
        return platform
    newest = max(versions)
    return platform.replace("linux", f"manylinux_{newest[0]}_{newest[1]}")


def metadata(version):
    return (f"Metadata-Version: 2.1\nName: enf\nVersion: {version}\n"
            "Summary: Learned samplers of Boltzmann densities (normalizing flows)\n"
            "Requires-Python: >=3.9\nRequires-Dist: numpy>=1.20\n"
            "Description-Content-Type: text/markdown\n\n" + (HERE / "README.md").read_text())


def main(library, version, folder):
    tag = f"py3-none-{platform_tag(library)}"
    info = f"enf-{version}.dist-info"
    files = {f"enf/{p.name}": p.read_bytes() for p in sorted((HERE / "enf").iterdir()) if p.suffix in (".py", ".typed")}
    files["enf/libenf.so.0"] = pathlib.Path(library).read_bytes()
    files[f"{info}/METADATA"] = metadata(version).encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: enf\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nenf-convert = enf.convert:main\n"
    files[f"{info}/LICENSE"] = (HERE.parent / "LICENSE").read_bytes()
    record = ""
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    path = pathlib.Path(folder) / f"enf-{version}-{tag}.whl"
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob("enf-*.whl"):
        old.unlink()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))  # the same bytes at any time
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            wheel.writestr(entry, data, compresslevel=9)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
