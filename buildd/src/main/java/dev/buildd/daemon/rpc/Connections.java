package dev.buildd.daemon.rpc;

import io.grpc.Attributes;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerTransportFilter;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Tells calls of one connection from those of another: a client's calls come by one connection, and
 * what is one client's is no other's.
 */
public final class Connections {
  private static final Attributes.Key<String> ID = Attributes.Key.create("connection");
  private static final Metadata.Key<String> HEADER =
      Metadata.Key.of("buildd-connection", Metadata.ASCII_STRING_MARSHALLER);

  private Connections() {}

  /** Gives each connection of a server a name. */
  public static ServerTransportFilter filter() {
    return new Naming();
  }

  private static final class Naming extends ServerTransportFilter {
    private static final AtomicLong COUNT = new AtomicLong(); // of all listeners

    @Override
    public Attributes transportReady(Attributes attributes) {
      return attributes.toBuilder().set(ID, Long.toString(COUNT.incrementAndGet())).build();
    }
  }

  /** Lets services see the name, and never one that a client has made up. */
  public static ServerInterceptor interceptor() {
    return new ServerInterceptor() {
      @Override
      public <Q, P> ServerCall.Listener<Q> interceptCall(
          ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        headers.discardAll(HEADER);
        String id = call.getAttributes().get(ID);
        if (id != null) {
          headers.put(HEADER, id);
        }
        return next.startCall(call, headers);
      }
    };
  }

  /** The name of the connection that a call came by; empty where none is known. */
  static String of(Metadata headers) {
    String id = headers.get(HEADER);
    return id == null ? "" : id;
  }
}
