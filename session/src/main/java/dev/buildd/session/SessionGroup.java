package dev.buildd.session;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The clients that wait for one result; any of them may be asked for what it needs. */
public final class SessionGroup {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final SessionManager manager;
  private final Supplier<List<String>> ids;

  /**
   * @param ids asked anew for each call, because clients come and go
   */
  public SessionGroup(SessionManager manager, Supplier<List<String>> ids) {
    this.manager = manager;
    this.ids = ids;
  }

  public static SessionGroup of(SessionManager manager, String... ids) {
    List<String> fixed = List.of(ids);
    return new SessionGroup(manager, () -> fixed);
  }

  /** A question to one client. */
  @FunctionalInterface
  public interface Call<T> {
    T ask(Session session) throws Exception;
  }

  public List<String> ids() {
    return ids.get();
  }

  public SessionManager manager() {
    return manager;
  }

  /** Asks one client after the other until one answers; the last failure is thrown. */
  public <T> T any(Call<T> call) throws Exception {
    @Nullable Exception last = null;
    for (String id : ids.get()) {
      if (id.isEmpty()) {
        continue;
      }
      try {
        return call.ask(manager.await(id, PATIENCE));
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        if (Thread.currentThread().isInterrupted()) {
          throw e;
        }
        last = e;
      }
    }
    if (last != null) {
      throw last;
    }
    throw new BuildException(Category.UNKNOWN, "no active sessions");
  }
}
