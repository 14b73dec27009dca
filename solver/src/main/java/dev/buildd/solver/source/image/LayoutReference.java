package dev.buildd.solver.source.image;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.session.Session;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.content.RemoteContent;
import java.time.Duration;
import java.util.Map;

/**
 * Content of an OCI layout that a client offers. Nobody else is asked for it: the layout is in the
 * named session, or in one that waits for the result.
 *
 * @param name what users see: {@code NAME[:TAG]@DIGEST}; only the digest counts
 * @param sessionId empty for any session that has the content
 * @param storeId names the layout within the session
 */
record LayoutReference(String name, Digest digest, String sessionId, String storeId) {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /**
   * Parses what stands behind the scheme.
   *
   * @param attributes {@code oci.session} and {@code oci.store}
   */
  public static LayoutReference parse(String name, Map<String, String> attributes) {
    int at = name.indexOf('@');
    if (at <= 0 || name.contains("://")) {
      throw BuildException.invalid("reference \"" + name + "\" must have digest");
    }
    return new LayoutReference(
        name,
        Digest.parse(name.substring(at + 1)),
        attributes.getOrDefault("oci.session", ""),
        attributes.getOrDefault("oci.store", ""));
  }

  /**
   * The layout of one client.
   *
   * @throws BuildException {@code NOT_FOUND} if the session, the layout or the content is not there
   */
  public ImageOrigin open(SessionGroup sessions) throws Exception {
    return sessionId.isEmpty()
        ? sessions.any(this::in)
        : in(sessions.manager().await(sessionId, PATIENCE));
  }

  private ImageOrigin in(Session session) {
    if (!session.supports(RemoteContent.METHOD)) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, name + ": the client offers no OCI layouts");
    }
    RemoteContent store = new RemoteContent(session, "oci:" + storeId);
    try {
      store.size(digest);
    } catch (BuildException e) {
      throw new BuildException(
          e.category(), "unable to get info about digest: " + e.getMessage(), e);
    }
    return ImageOrigin.of(store, name);
  }
}
