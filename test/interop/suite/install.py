"""What the cases need, from the registries of their languages by their
ordinary clients, each version in a folder of its own under the build folder.
A tool that the machine does not have is a reason to skip; an installation that
fails is a failure."""
import os
import shutil
import subprocess
import sys

from suite import INTEROP, Failed, Skip, tail


def need(tool):
    path = shutil.which(tool)
    if path is None:
        raise Skip("no %s here" % tool)
    return path


def once(folder, stamp, fill):
    """fill(folder) unless it was done for this stamp already."""
    done = os.path.join(folder, ".installed")
    if os.path.exists(done):
        with open(done) as f:
            if f.read() == stamp:
                return folder
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    fill(folder)
    with open(done, "w") as f:
        f.write(stamp)
    return folder


def command(argv, **kw):
    try:
        r = subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=500,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           **kw)
    except subprocess.TimeoutExpired:
        raise Failed("%s: not installed after 500 s" % argv[0])
    out = r.stdout.decode(errors="replace")
    if r.returncode != 0:
        raise Failed("%s: %s" % (" ".join(argv[:3]), tail(out)))
    return out


def contents(*paths):
    """Their text: an installation is renewed when one of them changes."""
    text = []
    for p in paths:
        with open(p) as f:
            text.append(f.read())
    return "\n".join(text)


def python(into, *packages):
    """The interpreter of a virtual environment with these packages."""
    name = "python-" + "-".join(packages).replace("=", "")
    folder = once(os.path.join(into, name), " ".join(packages), lambda f: (
        command([sys.executable, "-m", "venv", f]),
        command([os.path.join(f, "bin", "python"), "-m", "pip", "install",
                 "--quiet", "--disable-pip-version-check", *packages])))
    return os.path.join(folder, "bin", "python")


def maven(into, pom, version):
    """The folder with the jars of java/<pom>.xml for this version."""
    need("java")
    mvn = need("mvn")
    path = os.path.join(INTEROP, "java", pom + ".xml")
    return once(os.path.join(into, "java-%s-%s" % (pom, version)),
                contents(path), lambda f: command([
                    mvn, "-q", "-B", "-f", path, "-Dkafka.version=" + version,
                    "-P" + "v" + version.split(".")[0],
                    "dependency:copy-dependencies", "-DoutputDirectory=" + f,
                    "-DexcludeArtifactIds=slf4j-reload4j",
                    "-DincludeScope=runtime"]))


def javac(into, libs, program, version):
    """The folder with the classes of java/<program> for these jars."""
    tool = need("javac")
    source = os.path.join(INTEROP, "java", program)
    return once(os.path.join(into, "classes-%s-%s" % (
        program.split(".")[0], version)), contents(source),
        lambda f: command([tool, "-cp", os.path.join(libs, "*"), "-d", f,
                           source]))


def npm(into, package, program):
    """The program, copied to where its package can be found."""
    need("node")
    tool = need("npm")
    source = os.path.join(INTEROP, "node", program)
    folder = once(os.path.join(into, "node-" + package.replace("@", "-")),
                  contents(source), lambda f: (
                      shutil.copy(source, f),
                      command([tool, "install", "--silent", "--no-audit",
                               "--no-fund", "--ignore-scripts", package],
                              cwd=f)))
    return os.path.join(folder, program)


def go(into, program):
    """The program of go/<program>, built; go.mod and go.sum pin its modules."""
    tool = need("go")
    source = os.path.join(INTEROP, "go")
    folder = once(os.path.join(into, "go-" + program), contents(
        os.path.join(source, "go.mod"),
        os.path.join(source, program, "main.go")), lambda f: command(
            [tool, "build", "-mod=readonly", "-o", os.path.join(f, program),
             "./" + program], cwd=source))
    return os.path.join(folder, program)
