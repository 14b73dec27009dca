package dev.buildd.daemon;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * What the process does when it gets a signal. A shutdown hook would hear of the first SIGTERM
 * alone, and of no SIGHUP. The JDK's module {@code jdk.unsupported} is what it offers for this, and
 * Netty needs it too; it is reached by reflection because the compiler warns of its classes without
 * a way to say that they are meant.
 */
final class ProcessSignals {
  private ProcessSignals() {}

  /**
   * Runs an action at each signal of a kind, on a thread of its own, in place of what the JVM does.
   *
   * @param name without {@code SIG}
   */
  static void on(String name, Runnable action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object own =
          Proxy.newProxyInstance(
              handler.getClassLoader(),
              new Class<?>[] {handler},
              (self, method, arguments) -> handle(self, method, arguments, action));
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), own);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this JVM does not tell of SIG" + name, e);
    }
  }

  @SuppressWarnings("ReferenceEquality") // a handler equals itself alone
  private static Object handle(Object self, Method method, Object[] arguments, Runnable action) {
    return switch (method.getName()) {
      case "equals" -> self == arguments[0];
      case "hashCode" -> System.identityHashCode(self);
      case "toString" -> "signal handler";
      default -> {
        action.run();
        yield self; // of a method that returns nothing
      }
    };
  }
}
