# Read by ./apo and ./check: a virtual environment with exactly the locked packages.

# In an empty environment the shell knows a path, but does not hand it on, and Python finds itself by it.
export PATH

# The first Python that is new enough, told where one looks for it.
find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer with pip and venv is needed (Debian: apt-get install python3 python3-pip python3-venv)." >&2
    exit 1
}

# prepare FOLDER LOCK: the packages of LOCK in the virtual environment FOLDER; nothing to do if they are there.
prepare() {
    if ! cmp -s "$2" "$1/locked"; then
        python=$(find_python)
        echo "Setting up $1 from $2; this is done once and takes a minute or two." >&2
        [ -x "$1/bin/python" ] || "$python" -m venv --without-pip "$1"
        "$python" -m pip --python "$1/bin/python" install --quiet --disable-pip-version-check \
            --no-deps --require-hashes -r "$2"
        cp "$2" "$1/locked" # last: a setup that was interrupted is begun again
    fi
}
