package dev.buildd.buildctl;

import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.InfoResponse;
import dev.buildd.proto.types.BuildkitVersion;
import dev.buildd.session.rpc.EventLoops;
import dev.buildd.session.rpc.Handlers;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContextBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.concurrent.TimeUnit;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.sec.ECPrivateKey;

/**
 * A daemon's end of connections with TLS, for {@code localhost}. It talks only to whom it knows,
 * and all that it says is a version.
 */
final class TlsEnd implements AutoCloseable {
  static final String VERSION = "v0.0.0-tls";

  private final EventLoopGroup loops = EventLoops.create("tls-end", 1);
  private final Server server;

  /**
   * @param directory gets what a client needs: {@code ca.pem}, {@code cert.pem} and {@code
   *     key.pem}, and the key in its older form, {@code sec1.pem}
   */
  TlsEnd(Path directory) throws Exception {
    KeyPair own = keys();
    X509Certificate ownCertificate = certificate(own);
    KeyPair clients = keys();
    X509Certificate clientsCertificate = certificate(clients);
    Certificates.write(directory.resolve("ca.pem"), "CERTIFICATE", ownCertificate.getEncoded());
    Certificates.write(
        directory.resolve("cert.pem"), "CERTIFICATE", clientsCertificate.getEncoded());
    byte[] pkcs8 = clients.getPrivate().getEncoded();
    Certificates.write(directory.resolve("key.pem"), "PRIVATE KEY", pkcs8);
    Certificates.write(directory.resolve("sec1.pem"), "EC PRIVATE KEY", sec1(pkcs8));
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .channelType(NioServerSocketChannel.class)
            .bossEventLoopGroup(loops)
            .workerEventLoopGroup(loops)
            .directExecutor()
            .sslContext(
                GrpcSslContexts.configure(
                        SslContextBuilder.forServer(own.getPrivate(), ownCertificate))
                    .trustManager(clientsCertificate)
                    .clientAuth(ClientAuth.REQUIRE)
                    .build())
            .addService(
                ServerServiceDefinition.builder(ControlGrpc.SERVICE_NAME)
                    .addMethod(
                        ControlGrpc.getInfoMethod(),
                        Handlers.unary((request, headers) ->
                            InfoResponse.newBuilder()
                                .setBuildkitVersion(
                                    BuildkitVersion.newBuilder().setVersion(VERSION))
                                .build()))
                    .build())
            .build()
            .start();
  }

  private static KeyPair keys() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  private static X509Certificate certificate(KeyPair keys) throws Exception {
    return Certificates.selfSigned(keys, "SHA256withECDSA");
  }

  /** As {@code openssl ecparam -genkey} writes keys, with the name of the curve. */
  private static byte[] sec1(byte[] pkcs8) throws Exception {
    PrivateKeyInfo info = PrivateKeyInfo.getInstance(pkcs8);
    ECPrivateKey bare = ECPrivateKey.getInstance(info.parsePrivateKey());
    return new ECPrivateKey(256, bare.getKey(), info.getPrivateKeyAlgorithm().getParameters())
        .getEncoded();
  }

  String address(String host) {
    return "tcp://" + host + ":" + server.getPort();
  }

  @Override
  public void close() {
    server.shutdownNow();
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}
