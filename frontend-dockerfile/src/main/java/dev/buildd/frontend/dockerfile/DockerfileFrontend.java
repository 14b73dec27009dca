package dev.buildd.frontend.dockerfile;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.frontend.dockerfile.context.DockerfileSource;
import dev.buildd.frontend.dockerfile.context.Images;
import dev.buildd.frontend.dockerfile.context.MainContext;
import dev.buildd.frontend.dockerfile.context.NamedContexts;
import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.subrequest.Subrequests;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.SolveException.Place;
import dev.buildd.gateway.UnsupportedException;
import java.util.List;
import java.util.Optional;

/**
 * Builds what a Dockerfile says ({@code dockerfile.v0}). All that it may use is the {@link
 * GatewayClient}: it runs in the daemon, and as a program in an image ({@link Main}).
 */
public final class DockerfileFrontend implements Frontend {
  /** What the daemon's own is asked for by. */
  public static final String NAME = "dockerfile.v0";

  @Override
  public Result build(GatewayClient client) throws Exception {
    FrontendOptions options = located(Optional.empty(), () -> FrontendOptions.of(client));
    Optional<UnsupportedException> unknown = RequiredCaps.check(options);
    MainContext context = located(Optional.empty(), () -> MainContext.open(options, client));
    DockerfileSource source = located(Optional.empty(), context::readDockerfile);
    Optional<Result> forwarded = new SyntaxForwarding(client, options).forward(source);
    if (forwarded.isPresent()) {
      return forwarded.get();
    }
    if (unknown.isPresent()) {
      throw unknown.get(); // whoever could have known it was not called
    }
    Images images = new Images(client);
    ConversionRequest request =
        new ConversionRequest(
            source,
            options,
            new ConversionRequest.Origins(
                client, context, new NamedContexts(options, client, images), images),
            new Warnings(client, source),
            Optional.empty(),
            false);
    Optional<String> subrequest = options.get("requestid");
    return subrequest.isPresent()
        ? located(Optional.empty(), () -> Subrequests.answer(subrequest.get(), request))
        : located(Optional.of(source), () -> new PlatformBuilds(request).build());
  }

  /** Work of which a fault may be somewhere in the Dockerfile. */
  private interface Work<T> {
    T run() throws Exception;
  }

  private static <T> T located(Optional<DockerfileSource> source, Work<T> work) throws Exception {
    try {
      return work.run();
    } catch (DockerfileException e) {
      throw new SolveException(
          categoryOf(e),
          String.valueOf(e.getMessage()),
          SolveException.Where.at(source.map(known -> places(known, e)).orElse(new Place[0])),
          e);
    }
  }

  /** The outermost first. */
  private static Place[] places(DockerfileSource source, DockerfileException e) {
    List<Location> outermostFirst = e.locations().reversed();
    return outermostFirst.stream().map(source::place).toArray(Place[]::new);
  }

  /** What the daemon has said of it; what we say has no better category. */
  private static Category categoryOf(DockerfileException e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof SolveException solve) {
        return solve.category();
      }
      if (t instanceof BuildException build && build.category() == Category.CANCELED) {
        return Category.CANCELED;
      }
    }
    return Category.UNKNOWN;
  }
}
