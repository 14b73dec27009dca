package dev.buildd.base.http;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.NativeImage;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/** Makes TLS contexts. */
public final class Tls {
  private static final char[] NO_PASSWORD = new char[0];

  // of Debian, Fedora, openSUSE, OpenELEC, RHEL, Alpine
  private static final List<String> BUNDLES =
      List.of(
          "/etc/ssl/certs/ca-certificates.crt",
          "/etc/pki/tls/certs/ca-bundle.crt",
          "/etc/ssl/ca-bundle.pem",
          "/etc/pki/tls/cacert.pem",
          "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
          "/etc/ssl/cert.pem");

  private Tls() {}

  /**
   * @throws BuildException if a file is not there or holds something else
   */
  public static SSLContext context(TlsSettings settings) {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys(settings.keyPairs()), trust(settings), null);
      return context;
    } catch (IOException | GeneralSecurityException e) {
      throw failed(e);
    }
  }

  /**
   * For a server that shows a certificate.
   *
   * @param clients PEM file of the authorities that vouch for clients, and no others do; without
   *     one nobody does
   * @throws BuildException if a file is not there or holds something else, or if the key is not the
   *     certificate's
   */
  public static SSLContext serverContext(TlsSettings.KeyPair own, Optional<Path> clients) {
    try {
      checkPair(own);
      KeyStore store = emptyStore();
      if (clients.isPresent()) {
        for (Certificate authority : certificates(clients.get())) {
          store.setCertificateEntry("clients" + store.size(), authority);
        }
        if (store.size() == 0) {
          throw new GeneralSecurityException(clients.get() + " holds no certificate");
        }
      }
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(
          keys(List.of(own)), clients.isPresent() ? trust(store) : new TrustManager[0], null);
      return context;
    } catch (NoSuchFileException e) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "TLS settings: " + e.getMessage() + " does not exist", e);
    } catch (AccessDeniedException e) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "TLS settings: " + e.getMessage() + " is not readable", e);
    } catch (IOException | GeneralSecurityException e) {
      throw failed(e);
    }
  }

  /** A key store takes any key with any certificate; clients would see handshakes that fail. */
  private static void checkPair(TlsSettings.KeyPair pair)
      throws IOException, GeneralSecurityException {
    PrivateKey key = PemKeys.read(pair.key());
    List<Certificate> chain = certificates(pair.certificate());
    if (chain.isEmpty()) {
      throw new GeneralSecurityException(pair.certificate() + " holds no certificate");
    }
    PublicKey shown = chain.getFirst().getPublicKey();
    if (!isPair(key, shown)) {
      throw new GeneralSecurityException(
          "the key in " + pair.key() + " is not that of the certificate in " + pair.certificate());
    }
  }

  private static boolean isPair(PrivateKey key, PublicKey shown) throws GeneralSecurityException {
    if (!key.getAlgorithm().equals(shown.getAlgorithm())) {
      return false;
    }
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          case String other -> other;
        };
    byte[] text = "own".getBytes(StandardCharsets.US_ASCII);
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    try {
      signature.initVerify(shown);
      signature.update(text);
      return signature.verify(signed);
    } catch (SignatureException e) {
      return false; // of another size or curve
    }
  }

  private static BuildException failed(Exception cause) {
    return new BuildException(
        Category.FAILED_PRECONDITION, "TLS settings: " + cause.getMessage(), cause);
  }

  private static TrustManager[] trust(TlsSettings settings)
      throws IOException, GeneralSecurityException {
    if (settings.insecure()) {
      return new TrustManager[] {new TrustAll()};
    }
    KeyStore store = emptyStore();
    for (X509Certificate authority : systemAuthorities()) {
      store.setCertificateEntry("system" + store.size(), authority);
    }
    for (Path file : settings.rootCas()) {
      for (Certificate authority : certificates(file)) {
        store.setCertificateEntry("own" + store.size(), authority);
      }
    }
    return trust(store);
  }

  private static KeyStore emptyStore() throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, NO_PASSWORD);
    return store;
  }

  private static TrustManager[] trust(KeyStore authorities) throws GeneralSecurityException {
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(authorities);
    return factory.getTrustManagers();
  }

  /** The context for servers that no settings are for, made once: as the machine trusts. */
  static SSLContext system() throws NoSuchAlgorithmException {
    return NativeImage.BUILT ? SystemContext.VALUE : SSLContext.getDefault();
  }

  private static final class SystemContext {
    static final SSLContext VALUE = context(new TlsSettings(false, List.of(), List.of()));
  }

  /** Trusts whom the machine trusts. */
  public static TrustManager systemTrust() {
    try {
      return trust(new TlsSettings(false, List.of(), List.of()))[0];
    } catch (IOException | GeneralSecurityException e) {
      throw failed(e);
    }
  }

  private static List<X509Certificate> systemAuthorities()
      throws IOException, GeneralSecurityException {
    if (NativeImage.BUILT) {
      // the JVM has a file of its own, which would be that of the machine that built the executable
      Optional<Path> bundle = machineBundle(System.getenv("SSL_CERT_FILE"));
      if (bundle.isPresent()) {
        List<X509Certificate> out = new ArrayList<>();
        for (Certificate authority : certificates(bundle.get())) {
          if (authority instanceof X509Certificate x509) {
            out.add(x509);
          }
        }
        return out;
      }
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init((KeyStore) null);
    List<X509Certificate> out = new ArrayList<>();
    for (TrustManager manager : factory.getTrustManagers()) {
      if (manager instanceof X509TrustManager x509) {
        out.addAll(List.of(x509.getAcceptedIssuers()));
      }
    }
    return out;
  }

  /**
   * The file in which a distribution keeps the authorities that it trusts; Go's programs look for
   * the same ones.
   *
   * @param wanted the file that the user named
   */
  static Optional<Path> machineBundle(@Nullable String wanted) {
    if (wanted != null && !wanted.isEmpty()) {
      return Optional.of(Path.of(wanted));
    }
    return BUNDLES.stream().map(Path::of).filter(Files::isReadable).findFirst();
  }

  private static List<Certificate> certificates(Path file)
      throws IOException, GeneralSecurityException {
    try (InputStream in = Files.newInputStream(file)) {
      return List.copyOf(CertificateFactory.getInstance("X.509").generateCertificates(in));
    }
  }

  /**
   * Shows the certificate to whoever wants to see one.
   *
   * @throws BuildException if a file is not there or holds something else
   */
  public static KeyManager keyManager(TlsSettings.KeyPair pair) {
    try {
      return keys(List.of(pair))[0];
    } catch (IOException | GeneralSecurityException e) {
      throw failed(e);
    }
  }

  private static KeyManager[] keys(List<TlsSettings.KeyPair> pairs)
      throws IOException, GeneralSecurityException {
    KeyStore store = emptyStore();
    for (TlsSettings.KeyPair pair : pairs) {
      store.setKeyEntry(
          "client" + store.size(),
          PemKeys.read(pair.key()),
          NO_PASSWORD,
          certificates(pair.certificate()).toArray(Certificate[]::new));
    }
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, NO_PASSWORD);
    return factory.getKeyManagers();
  }

  /** Takes every certificate and every host name, which the user asked for. */
  private static final class TrustAll extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
