package dev.buildd.solver.source.git;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;

/** Lets one at a time work on what bears a name. */
final class Turns {
  private final Map<String, Turn> turns = new HashMap<>(); // guarded by itself

  /** Held by whoever's turn it is. */
  final class Turn implements AutoCloseable {
    private final String name;
    private final Semaphore free = new Semaphore(1);
    private int users; // guarded by turns

    private Turn(String name) {
      this.name = name;
    }

    @Override
    public void close() {
      free.release();
      leave(this);
    }
  }

  Turn await(String name) throws InterruptedException {
    Turn turn;
    synchronized (turns) {
      turn = turns.computeIfAbsent(name, Turn::new);
      turn.users++;
    }
    try {
      turn.free.acquire();
      return turn;
    } catch (InterruptedException e) {
      leave(turn);
      throw e;
    }
  }

  private void leave(Turn turn) {
    synchronized (turns) {
      if (--turn.users == 0) {
        turns.remove(turn.name);
      }
    }
  }
}
