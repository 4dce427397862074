# Says when no container engine answers: it is a daemon, and the one need that the flake cannot meet.
# Sourced by the shells and by `nix run .#all`; it changes nothing and never fails.
weighbridge_engine_answers() {
  local address
  for address in "${DOCKER_HOST:-}" "${CONTAINER_HOST:-}" /var/run/docker.sock \
    "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock"; do
    case $address in
    tcp://*) curl --silent --output /dev/null --max-time 2 "http://${address#tcp://}/_ping" && return 0 ;;
    unix://* | /*)
      curl --silent --output /dev/null --max-time 2 --unix-socket "${address#unix://}" \
        http://localhost/_ping && return 0
      ;;
    esac
  done
  return 1
}

if ! weighbridge_engine_answers; then
  echo "weighbridge: no container engine answers. The container subjects will be reported as not installed." >&2
  echo "weighbridge: start Docker, or name one in DOCKER_HOST (a Podman in CONTAINER_HOST), to measure them." >&2
fi
