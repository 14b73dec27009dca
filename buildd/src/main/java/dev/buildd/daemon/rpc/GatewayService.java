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

/** Passes calls of frontends on to the build that they are for (wire.md section 6). */
public final class GatewayService {
  private static final Metadata.Key<String> BUILD_ID =
      Metadata.Key.of("buildkit-controlapi-buildid", Metadata.ASCII_STRING_MARSHALLER);

  private final Finding gateways;

  /** For builds that calls name in their metadata. */
  public GatewayService(Gateways gateways) {
    this.gateways =
        headers -> {
          String id = headers.get(BUILD_ID);
          return gateways.await(id == null ? "" : id, Connections.of(headers));
        };
  }

  /** For the build of a connection of its own. */
  GatewayService(BuildGateway gateway) {
    this.gateways = _ -> gateway;
  }

  /** Finds the build that a call is for. */
  @FunctionalInterface
  private interface Finding {
    BuildGateway of(Metadata headers) throws InterruptedException;
  }

  /** Work of one call. */
  @FunctionalInterface
  private interface Call<Q, P> {
    P on(BuildGateway gateway, Q request) throws Exception;
  }

  public ServerServiceDefinition definition() {
    ServerServiceDefinition.Builder out =
        ServerServiceDefinition.builder(LLBBridgeGrpc.getServiceDescriptor());
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
    add(out, LLBBridgeGrpc.getNewContainerMethod(), BuildGateway::newContainer);
    add(out, LLBBridgeGrpc.getReleaseContainerMethod(), BuildGateway::releaseContainer);
    add(out, LLBBridgeGrpc.getReadFileContainerMethod(), BuildGateway::readContainerFile);
    add(out, LLBBridgeGrpc.getReadDirContainerMethod(), BuildGateway::readContainerDir);
    add(out, LLBBridgeGrpc.getStatFileContainerMethod(), BuildGateway::statContainerFile);
    out.addMethod(
        LLBBridgeGrpc.getExecProcessMethod(),
        Services.talking(
            (stream, headers) -> new ExecStream(find("ExecProcess", headers), stream).serve()));
    return out.build();
  }

  private <Q, P> void add(
      ServerServiceDefinition.Builder out, MethodDescriptor<Q, P> method, Call<Q, P> call) {
    out.addMethod(method, handler(method.getBareMethodName(), call));
  }

  private <Q, P> ServerCallHandler<Q, P> handler(@Nullable String name, Call<Q, P> call) {
    return Services.unary((request, headers) -> call.on(find(name, headers), request));
  }

  private BuildGateway find(@Nullable String name, Metadata headers) throws InterruptedException {
    try {
      return gateways.of(headers);
    } catch (BuildException e) {
      StatusRuntimeException status = Statuses.of(e);
      throw status
          .getStatus()
          .withDescription("forwarding " + name + ": " + e.getMessage())
          .asRuntimeException();
    }
  }
}
