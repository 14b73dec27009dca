package dev.buildd.base.http;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.List;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.RSAPrivateKey;
import org.bouncycastle.asn1.sec.ECPrivateKey;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemReader;

/** Private keys as programs write them: PKCS #8, and what came before it. */
final class PemKeys {
  private PemKeys() {}

  static PrivateKey read(Path file) throws IOException, GeneralSecurityException {
    try (Reader text = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1);
        PemReader in = new PemReader(text)) {
      for (PemObject one = in.readPemObject(); one != null; one = in.readPemObject()) {
        switch (one.getType()) {
          case "PRIVATE KEY" -> {
            return key(file, one.getContent());
          }
          case "RSA PRIVATE KEY" -> {
            refuseEncrypted(file, one);
            return key(
                file,
                new PrivateKeyInfo(
                        new AlgorithmIdentifier(
                            PKCSObjectIdentifiers.rsaEncryption, DERNull.INSTANCE),
                        RSAPrivateKey.getInstance(one.getContent()))
                    .getEncoded());
          }
          case "EC PRIVATE KEY" -> {
            refuseEncrypted(file, one);
            ECPrivateKey key = ECPrivateKey.getInstance(one.getContent());
            ASN1Encodable curve = key.getParametersObject();
            if (curve == null) {
              throw new GeneralSecurityException(file + ": key names no curve");
            }
            return key(
                file,
                new PrivateKeyInfo(
                        new AlgorithmIdentifier(X9ObjectIdentifiers.id_ecPublicKey, curve), key)
                    .getEncoded());
          }
          case "ENCRYPTED PRIVATE KEY" -> throw encrypted(file);
          default -> {
            // a certificate or the name of a curve may stand before the key
          }
        }
      }
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new GeneralSecurityException(file + ": malformed private key", e);
    }
    throw new GeneralSecurityException(file + " holds no private key");
  }

  private static void refuseEncrypted(Path file, PemObject one) throws GeneralSecurityException {
    if (!one.getHeaders().isEmpty()) {
      throw encrypted(file);
    }
  }

  private static GeneralSecurityException encrypted(Path file) {
    return new GeneralSecurityException(file + ": private key is encrypted");
  }

  private static PrivateKey key(Path file, byte[] pkcs8) throws GeneralSecurityException {
    for (String algorithm : List.of("RSA", "EC", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      } catch (GeneralSecurityException e) {
        // another algorithm's key
      }
    }
    throw new GeneralSecurityException(file + " holds a key of an unknown algorithm");
  }
}
