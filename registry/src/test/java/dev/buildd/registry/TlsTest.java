package dev.buildd.registry;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.registry.auth.CredentialSource;
import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.sec.ECPrivateKey;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A registry with a certificate of an authority of its own, which asks clients for theirs. */
@Timeout(60)
final class TlsTest {
  private static final byte[] MANIFEST = "{\"schemaVersion\":2,\"config\":{}}".getBytes(US_ASCII);
  private static final AtomicInteger SERIAL = new AtomicInteger();

  @TempDir Path temp;
  private final KeyPair authorityKeys = rsa();
  private final X509Certificate authority = certificate("authority", authorityKeys, true);
  private HttpsServer server;
  private volatile boolean wantsClients;

  @BeforeEach
  void start() throws Exception {
    KeyPair keys = ec();
    char[] none = new char[0];
    KeyStore own = KeyStore.getInstance(KeyStore.getDefaultType());
    own.load(null, none);
    own.setKeyEntry(
        "server",
        keys.getPrivate(),
        none,
        new X509Certificate[] {certificate("localhost", keys, false), authority});
    KeyManagerFactory mine = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    mine.init(own, none);
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, none);
    trusted.setCertificateEntry("authority", authority);
    TrustManagerFactory clients =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    clients.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(mine.getKeyManagers(), clients.getTrustManagers(), null);
    server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(
        new HttpsConfigurator(context) {
          @Override
          public void configure(HttpsParameters parameters) {
            SSLParameters ssl = getSSLContext().getDefaultSSLParameters();
            ssl.setNeedClientAuth(wantsClients);
            parameters.setSSLParameters(ssl);
          }
        });
    server.createContext(
        "/",
        exchange -> {
          exchange.getResponseHeaders().set("Content-Type", MediaType.OCI_MANIFEST);
          exchange.sendResponseHeaders(200, MANIFEST.length);
          exchange.getResponseBody().write(MANIFEST);
          exchange.close();
        });
    server.start();
    write("ca.pem", "CERTIFICATE", authority.getEncoded());
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private static KeyPair rsa() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    return generator.generateKeyPair();
  }

  private static KeyPair ec() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  private X509Certificate certificate(String name, KeyPair of, boolean isAuthority)
      throws Exception {
    Instant now = Instant.now();
    JcaX509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            new X500Name("CN=authority"),
            BigInteger.valueOf(SERIAL.incrementAndGet()),
            Date.from(now.minusSeconds(60)),
            Date.from(now.plusSeconds(3600)),
            new X500Name("CN=" + name),
            of.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(isAuthority));
    if (!isAuthority) {
      builder.addExtension(
          Extension.subjectAlternativeName,
          false,
          new GeneralNames(new GeneralName(GeneralName.dNSName, name)));
    }
    return new JcaX509CertificateConverter()
        .getCertificate(
            builder.build(
                new JcaContentSignerBuilder("SHA256withRSA").build(authorityKeys.getPrivate())));
  }

  private Path write(String file, String type, byte[] der) throws IOException {
    StringWriter text = new StringWriter();
    try (PemWriter out = new PemWriter(text)) {
      out.writeObject(new PemObject(type, der));
    }
    return Files.writeString(temp.resolve(file), text.toString());
  }

  private Digest resolve(boolean insecure, List<Path> authorities, TlsSettings.KeyPair... keys)
      throws Exception {
    String host = "localhost:" + server.getAddress().getPort();
    RegistrySettings.Host settings =
        new RegistrySettings.Host(
            Optional.of(false), insecure, List.of(), authorities, List.of(keys));
    return new RegistryClient(new RegistrySettings(Map.of(host, settings), Duration.ofMillis(5)))
        .open(ImageReference.parse(host + "/a/b:v1"), CredentialSource.ANONYMOUS)
        .resolve()
        .digest();
  }

  private List<Path> ca() {
    return List.of(temp.resolve("ca.pem"));
  }

  @Test
  void ownAuthorityIsTrustedWhereTold() throws Exception {
    assertThat(resolve(false, ca())).isEqualTo(Digest.of(MANIFEST));
    assertThat(resolve(true, List.of())).isEqualTo(Digest.of(MANIFEST));
    assertThatThrownBy(() -> resolve(false, List.of()))
        .hasMessageContaining("unable to find valid certification path");
  }

  @Test
  void clientsShowTheirCertificatesWithKeysOfAllForms() throws Exception {
    wantsClients = true;
    assertThatThrownBy(() -> resolve(false, ca())).hasMessageContaining("failed to do request");
    KeyPair rsa = rsa();
    KeyPair ec = ec();
    KeyPair edwards = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    byte[] pkcs1 =
        PrivateKeyInfo.getInstance(rsa.getPrivate().getEncoded())
            .parsePrivateKey()
            .toASN1Primitive()
            .getEncoded();
    PrivateKeyInfo curve = PrivateKeyInfo.getInstance(ec.getPrivate().getEncoded());
    ECPrivateKey bare = ECPrivateKey.getInstance(curve.parsePrivateKey());
    byte[] sec1 =
        new ECPrivateKey(256, bare.getKey(), curve.getPrivateKeyAlgorithm().getParameters())
            .getEncoded();
    assertShown(rsa, "PRIVATE KEY", rsa.getPrivate().getEncoded());
    assertShown(rsa, "RSA PRIVATE KEY", pkcs1);
    assertShown(ec, "PRIVATE KEY", ec.getPrivate().getEncoded());
    assertShown(ec, "EC PRIVATE KEY", sec1);
    assertShown(edwards, "PRIVATE KEY", edwards.getPrivate().getEncoded());
  }

  private void assertShown(KeyPair keys, String type, byte[] der) throws Exception {
    Path shown = write("cert.pem", "CERTIFICATE", certificate("client", keys, false).getEncoded());
    Path key = write("key.pem", type, der);
    // as openssl writes them: the name of the curve first, or the certificate
    Files.writeString(
        key,
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
            + Files.readString(key));
    assertThat(resolve(false, ca(), new TlsSettings.KeyPair(key, shown)))
        .as(type)
        .isEqualTo(Digest.of(MANIFEST));
  }

  @Test
  void badFilesAreNamed() throws Exception {
    Path shown = temp.resolve("ca.pem");
    assertThatThrownBy(
            () -> resolve(false, ca(), new TlsSettings.KeyPair(temp.resolve("none.pem"), shown)))
        .hasMessageContaining("TLS settings")
        .hasMessageContaining("none.pem");
    for (String type : new String[] {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"}) {
      Path key = write("bad.pem", type, new byte[] {1, 2, 3});
      assertThatThrownBy(() -> resolve(false, ca(), new TlsSettings.KeyPair(key, shown)))
          .as(type)
          .hasMessageContaining("bad.pem");
    }
    Path encrypted = write("encrypted.pem", "ENCRYPTED PRIVATE KEY", new byte[] {1});
    assertThatThrownBy(() -> resolve(false, ca(), new TlsSettings.KeyPair(encrypted, shown)))
        .hasMessageContaining("encrypted.pem: private key is encrypted");
    assertThatThrownBy(() -> resolve(false, ca(), new TlsSettings.KeyPair(shown, shown)))
        .hasMessageContaining("ca.pem holds no private key");
  }

  TlsTest() throws Exception {
    // keys and the authority are made with the fields
  }
}
