#!/usr/bin/env bash
# Sees to it that the images which the Dockerfile starts from are there: pulled where that is possible, else made
# here under the very tags that the Dockerfile names, so that the Dockerfile is the same everywhere.
#
# A home-made base is a stand-in for tests: Debian 12 by debootstrap, and on it the Rust toolchain installed here. It
# carries this machine's certificates and package settings (apt, pip, cargo), which the Dockerfile knows nothing of.
# The debootstrap tree is kept in target/bases for the next time. Needs root on Debian 12.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker=${DOCKER:-docker}
tree=$PWD/target/bases/debian
debian_image=$(sed -n 's/^ARG DEBIAN_IMAGE=//p' Dockerfile)
rust_image=$(sed -n 's/^ARG RUST_IMAGE=//p' Dockerfile)
certificates=/etc/ssl/certs/ca-certificates.crt

is_there() {
    "$docker" image inspect "$1" >/dev/null 2>&1
}

# A machine without a registry says no at once; one whose network swallows packets is not waited for.
pulled() {
    timeout 120 "$docker" pull --quiet "$1" 2>/dev/null
}

# Where apt gets Debian's packages from here: URI, suite and component of every index.
debian_indexes() {
    apt-get indextargets --format "$1" 'Created-By: Packages' 'Origin: Debian'
}

debian_tree() {
    [ -e "$tree" ] && return
    if ! command -v debootstrap >/dev/null; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends debootstrap
    fi
    local mirror
    mirror=$(debian_indexes '$(REPO_URI) $(RELEASE)' | sed -n 's/ bookworm$//p' | head -1)
    rm -rf "$tree.new"
    mkdir -p "$(dirname "$tree")"
    debootstrap --variant=minbase bookworm "$tree.new" ${mirror:+"$mirror"} >"$tree.log" || {
        tail -20 "$tree.log" >&2
        return 1
    }
    rm -rf "$tree.new"/var/cache/apt/archives/*.deb "$tree.new"/var/lib/apt/lists/*
    rm -rf "$tree.new"/usr/share/{doc,info,locale,man}/*
    mv "$tree.new" "$tree"
}

# What the package tools of a container need to reach what they reach here.
settings() {
    debian_indexes 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' >"$tree/etc/apt/sources.list"
    apt-config dump --format '%F "%v";%n' | grep '^Acquire::' |
        grep -vE '^Acquire::(IndexTargets|Changelogs|cdrom|GzipIndexes)' >"$tree/etc/apt/apt.conf.d/90settings-of-the-host" || true
    mkdir -p "$tree$(dirname "$certificates")" "$tree/usr/local/share" "$tree/usr/local/cargo"
    cp "$certificates" "$tree$certificates"
    [ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$tree/usr/local/share/"
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$tree/etc/pip.conf"
    local cargo_settings=${CARGO_HOME:-$HOME/.cargo}/config.toml
    [ ! -e "$cargo_settings" ] || cp "$cargo_settings" "$tree/usr/local/cargo/config.toml"
}

debian_base() {
    echo "making $debian_image by debootstrap"
    debian_tree
    settings
    tar -C "$tree" --numeric-owner -c . |
        "$docker" import --change 'CMD ["bash"]' --change 'LABEL segpipe.base=home-made' - "$debian_image" >/dev/null
}

# As in the official image: cargo and rustc on the path, a C linker, nothing else.
rust_base() {
    echo "making $rust_image of the toolchain that is installed here"
    case $(rustc --version) in
    "rustc $(sed -n 's/^ARG RUST_IMAGE=rust:\([0-9.]*\).*/\1/p' Dockerfile) "*) ;;
    *)
        echo "the Dockerfile wants $rust_image, but what is installed is $(rustc --version)" >&2
        return 1
        ;;
    esac
    local context
    context=$(mktemp -d)
    cat >"$context/Dockerfile" <<EOF
FROM $debian_image
RUN apt-get update -q && apt-get install -q -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
ENV CARGO_HOME=/usr/local/cargo
COPY bin/cargo bin/rustc /usr/local/bin/
COPY lib /usr/local/lib
EOF
    tar -C "$context" -c Dockerfile -C "$(rustc --print sysroot)" bin/cargo bin/rustc lib |
        "$docker" build --quiet --label segpipe.base=home-made --tag "$rust_image" - >/dev/null
    rm -rf "$context"
}

is_there "$debian_image" || pulled "$debian_image" || debian_base
is_there "$rust_image" || pulled "$rust_image" || rust_base
