# shellcheck shell=sh
# whether this processor has the instructions that the executable is compiled for (x86-64-v3); without starting a program
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
