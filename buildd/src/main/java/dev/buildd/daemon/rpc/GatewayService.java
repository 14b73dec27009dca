package dev.buildd.daemon.rpc;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCallHandler;
import io.grpc.ServerServiceDefinition;
import io.grpc.StatusRuntimeException;
import org.jspecify.annotations.Nullable;

/**
 * Passes calls of frontends on to the build that they name in the metadata (wire.md section 6).
 * Methods that have no handler here are {@code UNIMPLEMENTED}.
 */
public final class GatewayService {
  private static final Metadata.Key<String> BUILD_ID =
      Metadata.Key.of("buildkit-controlapi-buildid", Metadata.ASCII_STRING_MARSHALLER);

  private final Gateways gateways;

  public GatewayService(Gateways gateways) {
    this.gateways = gateways;
  }

  /** Work of one call. */
  @FunctionalInterface
  private interface Call<Q, P> {
    P on(BuildGateway gateway, Q request) throws Exception;
  }

  public ServerServiceDefinition definition() {
    ServerServiceDefinition.Builder out =
        ServerServiceDefinition.builder(LLBBridgeGrpc.SERVICE_NAME);
    add(out, LLBBridgeGrpc.getPingMethod(), (g, r) -> g.ping());
    add(out, LLBBridgeGrpc.getSolveMethod(), BuildGateway::solve);
    add(out, LLBBridgeGrpc.getResolveImageConfigMethod(), BuildGateway::resolveImageConfig);
    add(out, LLBBridgeGrpc.getResolveSourceMetaMethod(), BuildGateway::resolveSourceMeta);
    add(out, LLBBridgeGrpc.getReadFileMethod(), BuildGateway::readFile);
    add(out, LLBBridgeGrpc.getReadDirMethod(), BuildGateway::readDir);
    add(out, LLBBridgeGrpc.getStatFileMethod(), BuildGateway::statFile);
    add(out, LLBBridgeGrpc.getEvaluateMethod(), BuildGateway::evaluate);
    add(out, LLBBridgeGrpc.getInputsMethod(), (g, r) -> g.inputs());
    add(out, LLBBridgeGrpc.getReturnMethod(), BuildGateway::returned);
    add(out, LLBBridgeGrpc.getWarnMethod(), BuildGateway::warn);
    return out.build();
  }

  private <Q, P> void add(
      ServerServiceDefinition.Builder out, MethodDescriptor<Q, P> method, Call<Q, P> call) {
    out.addMethod(method, handler(method.getBareMethodName(), call));
  }

  private <Q, P> ServerCallHandler<Q, P> handler(@Nullable String name, Call<Q, P> call) {
    return Services.unary((request, headers) -> {
      String id = headers.get(BUILD_ID);
      BuildGateway gateway;
      try {
        gateway = gateways.await(id == null ? "" : id);
      } catch (BuildException e) {
        StatusRuntimeException status = Statuses.of(e);
        throw status
            .getStatus()
            .withDescription("forwarding " + name + ": " + e.getMessage())
            .asRuntimeException();
      }
      return call.on(gateway, request);
    });
  }
}
