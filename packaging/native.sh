# shellcheck shell=sh
# What the launcher of the daemon's executable looks at, without starting a program.

# whether this processor has the instructions that it is compiled for (x86-64-v3)
fits() {
  while read -r name _ flags; do
    if [ "$name" = flags ]; then
      for flag in avx2 bmi1 bmi2 f16c fma movbe; do # lzcnt, which some kernels do not tell of, came with these
        case " $flags " in *" $flag "*) ;; *) return 1 ;; esac
      done
      return 0
    fi
  done </proc/cpuinfo
  return 1
}

# bounds the heap by half of the memory that its cgroup may have, as a JVM does; it knows of the machine's memory alone
bound() {
  heap=
  read -r _ machine _ </proc/meminfo
  least=$((machine * 1024))
  while IFS=: read -r _ controllers path; do
    case ",$controllers," in
      ,,) top=/sys/fs/cgroup file=memory.max ;;
      *,memory,*) top=/sys/fs/cgroup/memory file=memory.limit_in_bytes ;;
      *) continue ;;
    esac
    at=$top$path # not there in a container that sees its own cgroup as the top
    while :; do
      limit=
      [ ! -r "$at/$file" ] || read -r limit <"$at/$file"
      case "$limit" in
        '' | *[!0-9]*) ;; # none
        *)
          if [ ${#limit} -lt 19 ] && [ "$limit" -lt "$least" ]; then
            least=$limit heap=-Xmx$((limit / 2))
          fi
          ;;
      esac
      case "$at" in "$top" | "$top/") break ;; esac
      at=${at%/*}
    done
  done </proc/self/cgroup
}
