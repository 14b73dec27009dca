package dev.buildd.daemon;

import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.concurrent.atomic.AtomicLong;
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

/** An authority that vouches for certificates of {@code localhost} and of clients. */
final class Authority {
  private static final AtomicLong SERIAL = new AtomicLong(1);

  private final KeyPair keys = keys();
  private final X500Name name;
  private final X509Certificate certificate;

  Authority(String name) throws Exception {
    this.name = new X500Name("CN=" + name);
    Instant now = Instant.now();
    this.certificate =
        certificate(this.name, keys, now.minusSeconds(7200), Duration.ofDays(1), true);
  }

  private static KeyPair keys() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  private X509Certificate certificate(
      X500Name subject, KeyPair own, Instant from, Duration good, boolean authority)
      throws Exception {
    JcaX509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            name,
            BigInteger.valueOf(SERIAL.getAndIncrement()),
            Date.from(from),
            Date.from(from.plus(good)),
            subject,
            own.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
    if (!authority) {
      builder.addExtension(
          Extension.subjectAlternativeName,
          false,
          new GeneralNames(new GeneralName(GeneralName.dNSName, "localhost")));
    }
    return new JcaX509CertificateConverter()
        .getCertificate(
            builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate())));
  }

  /** Writes its own certificate. */
  Path write(Path file) throws Exception {
    return pem(file, "CERTIFICATE", certificate.getEncoded());
  }

  /** Writes a certificate that is good now, and its key beside it, whose file ends in .key. */
  Path issue(Path file, String subject) throws Exception {
    return issue(file, subject, Instant.now().minusSeconds(3600), Duration.ofHours(2));
  }

  Path issueExpired(Path file, String subject) throws Exception {
    return issue(file, subject, Instant.now().minusSeconds(3600), Duration.ofMinutes(1));
  }

  private Path issue(Path file, String subject, Instant from, Duration good) throws Exception {
    KeyPair own = keys();
    pem(key(file), "PRIVATE KEY", own.getPrivate().getEncoded());
    return pem(
        file,
        "CERTIFICATE",
        certificate(new X500Name("CN=" + subject), own, from, good, false).getEncoded());
  }

  static Path key(Path certificate) {
    return Path.of(certificate.toString().replace(".crt", ".key"));
  }

  /** Whole at once, as programs that renew certificates do it. */
  private static Path pem(Path file, String type, byte[] der) throws IOException {
    StringWriter text = new StringWriter();
    try (PemWriter out = new PemWriter(text)) {
      out.writeObject(new PemObject(type, der));
    }
    Path partial = Path.of(file + ".new");
    Files.writeString(partial, text.toString());
    return Files.move(
        partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
