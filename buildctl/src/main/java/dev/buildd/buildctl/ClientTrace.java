package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.client.BuildClient;
import dev.buildd.session.rpc.EventLoops;
import dev.buildd.trace.Span;
import dev.buildd.trace.TraceContext;
import dev.buildd.trace.otlp.OtlpSettings;
import dev.buildd.trace.otlp.OtlpTransport;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A command as a part of a trace, where the environment asks for that: {@code TRACEPARENT} says
 * what it is a part of, the {@code OTEL_*} variables where spans go. The daemon is handed the span
 * too, for where its own go. Used by one thread.
 */
final class ClientTrace {
  private static final String PARENT = "TRACEPARENT";
  private static final String SERVICE = "service.name";
  private static final String NAME = "buildctl";
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final String name;
  private final Map<String, String> attributes;
  private final Optional<TraceContext> parent;
  private final Optional<OtlpSettings> collector;
  private final TraceContext context;
  private final Instant begun = Instant.now();

  private ClientTrace(
      String name,
      Map<String, String> attributes,
      Optional<TraceContext> parent,
      Optional<OtlpSettings> collector) {
    this.name = name;
    this.attributes = attributes;
    this.parent = parent;
    this.collector = collector;
    this.context = parent.map(TraceContext::child).orElseGet(TraceContext::root);
  }

  /**
   * Begins one.
   *
   * @param err is told of settings that cannot be used, which are no reason not to build
   * @return empty if nobody asks for it
   */
  static Optional<ClientTrace> begin(
      String name,
      Map<String, String> attributes,
      Map<String, String> environment,
      PrintStream err) {
    Optional<TraceContext> parent =
        Optional.ofNullable(environment.get(PARENT)).flatMap(TraceContext::parse);
    OtlpSettings.unheeded(environment)
        .ifPresent(text -> err.println("warning: no traces: " + text));
    Optional<OtlpSettings> collector = Optional.empty();
    try {
      collector = OtlpSettings.of(OtlpSettings.Signal.TRACES, environment, NAME);
    } catch (BuildException e) {
      err.println("warning: no traces: " + e.getMessage());
    }
    return parent.isEmpty() && collector.isEmpty()
        ? Optional.empty()
        : Optional.of(new ClientTrace(name, attributes, parent, collector));
  }

  /** What the daemon's spans are a part of. */
  TraceContext context() {
    return context;
  }

  /**
   * Ends it, and sends it.
   *
   * @param error empty if the command did what it was to do
   */
  void end(BuildClient client, String error, PrintStream err) throws InterruptedException {
    if (!context.sampled()) {
      return;
    }
    List<Span> spans =
        List.of(
            new Span(
                name,
                Span.Kind.INTERNAL,
                context,
                parent,
                parent.isPresent(),
                begun,
                Instant.now(),
                attributes,
                error));
    Map<String, String> resource =
        collector.map(OtlpSettings::resource).orElse(Map.of(SERVICE, NAME));
    try {
      client.exportSpans(resource, spans, PATIENCE);
    } catch (BuildException e) {
      // a daemon that takes no spans; one that is gone has been told of already
    }
    if (collector.isPresent()) {
      send(collector.get(), spans, err);
    }
  }

  private static void send(OtlpSettings to, List<Span> spans, PrintStream err)
      throws InterruptedException {
    String failure;
    try (OtlpTransport transport =
        OtlpTransport.open(to.withPatience(PATIENCE), EventLoops.shared())) {
      OtlpTransport.Answer answer = transport.send(to.resource(), spans);
      if (answer == OtlpTransport.Answer.TAKEN) {
        return;
      }
      failure = answer == OtlpTransport.Answer.BUSY ? "it is too busy" : "it refuses them";
    } catch (IOException | RuntimeException e) {
      failure = String.valueOf(e.getMessage());
    }
    err.println("warning: traces do not reach " + to + ": " + failure);
  }
}
