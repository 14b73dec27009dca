package dev.buildd.solver.graph;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The probing policy over all states of three inputs. */
class EvidenceTest {
  private static List<Evidence.Input> allInputs() {
    List<Evidence.Input> out = new ArrayList<>();
    for (Evidence.Level level : Evidence.Level.values()) {
      for (boolean hasContent : new boolean[] {false, true}) {
        for (boolean matched : new boolean[] {false, true}) {
          if (!hasContent && level == Evidence.Level.CONTENT) {
            continue; // cannot be reached
          }
          out.add(new Evidence.Input(level, hasContent, matched));
        }
      }
    }
    return out;
  }

  private interface Check {
    void of(List<Evidence.Input> state);
  }

  private static int overAllStates(Check check) {
    int states = 0;
    for (Evidence.Input a : allInputs()) {
      for (Evidence.Input b : allInputs()) {
        for (Evidence.Input c : allInputs()) {
          check.of(List.of(a, b, c));
          states++;
        }
      }
    }
    return states;
  }

  @Test
  void someoneCanAlwaysMoveUntilAllIsKnown() {
    int states =
        overAllStates(state -> {
          boolean over =
              Evidence.missProven(state) || state.stream().allMatch(Evidence.Input::exhausted);
          boolean moves = false;
          for (int i = 0; i < 3; i++) {
            moves |= Evidence.next(state, i, false) instanceof Evidence.Step.Climb;
          }
          assertThat(moves).as("%s", state).isEqualTo(!over);
        });
    assertThat(states).isEqualTo(14 * 14 * 14);
  }

  @Test
  void nobodyClimbsPastARivalThatMayStillDecide() {
    overAllStates(state -> {
      for (int i = 0; i < 3; i++) {
        Evidence.Input input = state.get(i);
        boolean rival = false;
        for (int j = 0; j < 3; j++) {
          rival |= j != i && !state.get(j).matched() && !state.get(j).exhausted();
        }
        if (Evidence.next(state, i, false) instanceof Evidence.Step.Climb(Evidence.Level to)
            && to != Evidence.Level.FAST) {
          assertThat(input.matched() && rival).as("%s #%d", state, i).isFalse();
        }
      }
    });
  }

  @Test
  void levelsAreClimbedOneByOne() {
    overAllStates(state -> {
      for (int i = 0; i < 3; i++) {
        if (Evidence.next(state, i, false) instanceof Evidence.Step.Climb(Evidence.Level to)) {
          Optional<Evidence.Level> before =
              switch (to) {
                case NONE -> Optional.empty();
                case FAST -> Optional.of(Evidence.Level.NONE);
                case SLOW -> Optional.of(Evidence.Level.FAST);
                case CONTENT -> Optional.of(Evidence.Level.SLOW);
              };
          assertThat(before).contains(state.get(i).level());
        }
      }
    });
  }

  @Test
  void aHitAndAProvenMissStopEveryone() {
    overAllStates(state -> {
      for (int i = 0; i < 3; i++) {
        assertThat(Evidence.next(state, i, true)).isInstanceOf(Evidence.Step.Stop.class);
        if (Evidence.missProven(state)) {
          assertThat(Evidence.next(state, i, false)).isInstanceOf(Evidence.Step.Stop.class);
        }
      }
    });
  }
}
