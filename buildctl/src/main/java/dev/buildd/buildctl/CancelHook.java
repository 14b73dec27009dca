package dev.buildd.buildctl;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A signal interrupts what runs, which is given time to tell the daemon and the user. */
final class CancelHook extends Thread {
  private static final int CLEANUP_SECONDS = 15;

  private final Thread main;
  private final CountDownLatch over;

  CancelHook(Thread main, CountDownLatch over) {
    super("cancel");
    this.main = main;
    this.over = over;
  }

  @Override
  public void run() {
    main.interrupt();
    try {
      over.await(CLEANUP_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      // then without cleaning up
    }
    Runtime.getRuntime().halt(1);
  }
}
