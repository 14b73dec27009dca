package dev.buildd.session.ssh;

import dev.buildd.base.error.BuildException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.bouncycastle.crypto.CipherParameters;
import org.bouncycastle.crypto.CryptoException;
import org.bouncycastle.crypto.Digest;
import org.bouncycastle.crypto.Signer;
import org.bouncycastle.crypto.digests.SHA1Digest;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.digests.SHA384Digest;
import org.bouncycastle.crypto.digests.SHA512Digest;
import org.bouncycastle.crypto.params.AsymmetricKeyParameter;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;
import org.bouncycastle.crypto.params.RSAKeyParameters;
import org.bouncycastle.crypto.params.RSAPrivateCrtKeyParameters;
import org.bouncycastle.crypto.signers.ECDSASigner;
import org.bouncycastle.crypto.signers.Ed25519Signer;
import org.bouncycastle.crypto.signers.RSADigestSigner;
import org.bouncycastle.crypto.util.OpenSSHPrivateKeyUtil;
import org.bouncycastle.crypto.util.OpenSSHPublicKeyUtil;
import org.bouncycastle.crypto.util.PrivateKeyFactory;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemReader;

/**
 * A private key: Ed25519, RSA, or ECDSA on a curve of NIST's. It signs as agents do, in the forms
 * of RFC 4253, 5656, 8332 and 8709.
 */
public final class SshKey {
  /** Longer files are no keys. */
  static final int MAX_FILE = 100 << 10;

  /** Flags of a request to sign (RFC 8332): by which hash RSA signs. */
  static final int RSA_SHA2_256 = 2;

  static final int RSA_SHA2_512 = 4;

  private static final byte[] OPENSSH = "openssh-key-v1\0".getBytes(StandardCharsets.US_ASCII);

  private final AsymmetricKeyParameter key;
  private final byte[] publicBlob;

  private SshKey(AsymmetricKeyParameter key) throws IOException {
    this.key = key;
    this.publicBlob = OpenSSHPublicKeyUtil.encodePublicKey(publicKey(key));
  }

  /** The first private key of a file in PEM: OpenSSH's form, PKCS #1, SEC 1 or PKCS #8. */
  static SshKey parse(byte[] file) {
    String other = "";
    try (Reader text =
            new InputStreamReader(new ByteArrayInputStream(file), StandardCharsets.ISO_8859_1);
        PemReader in = new PemReader(text)) {
      for (PemObject one = in.readPemObject(); one != null; one = in.readPemObject()) {
        switch (one.getType()) {
          case "OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY" -> {
            if (isEncrypted(one)) {
              throw encrypted();
            }
            return new SshKey(parameters(one));
          }
          case "ENCRYPTED PRIVATE KEY" -> throw encrypted();
          default -> other = other.isEmpty() ? one.getType() : other;
        }
      }
    } catch (IOException | IllegalArgumentException | IllegalStateException e) {
      throw BuildException.invalid("ssh: malformed private key: " + e.getMessage());
    }
    throw other.isEmpty() ? BuildException.invalid("ssh: no key found") : unsupported(other);
  }

  private static BuildException encrypted() {
    return BuildException.invalid("ssh: this private key is passphrase protected");
  }

  private static BuildException unsupported(String type) {
    return BuildException.invalid("ssh: unsupported key type \"" + type + "\"");
  }

  private static AsymmetricKeyParameter parameters(PemObject one) throws IOException {
    return one.getType().equals("PRIVATE KEY")
        ? PrivateKeyFactory.createKey(one.getContent())
        : OpenSSHPrivateKeyUtil.parsePrivateKeyBlob(one.getContent());
  }

  /** PEM says so in a header, OpenSSH's form by the name of a cipher. */
  private static boolean isEncrypted(PemObject one) throws IOException {
    if (!one.getHeaders().isEmpty()) {
      return true;
    }
    byte[] content = one.getContent();
    if (content.length < OPENSSH.length
        || !Arrays.equals(content, 0, OPENSSH.length, OPENSSH, 0, OPENSSH.length)) {
      return false;
    }
    WireReader in = new WireReader(Arrays.copyOfRange(content, OPENSSH.length, content.length));
    return !new String(in.string(), StandardCharsets.US_ASCII).equals("none");
  }

  private static AsymmetricKeyParameter publicKey(AsymmetricKeyParameter key) {
    return switch (key) {
      case Ed25519PrivateKeyParameters edwards -> edwards.generatePublicKey();
      case RSAPrivateCrtKeyParameters rsa ->
          new RSAKeyParameters(false, rsa.getModulus(), rsa.getPublicExponent());
      case ECPrivateKeyParameters curve ->
          new ECPublicKeyParameters(
              curve.getParameters().getG().multiply(curve.getD()).normalize(),
              curve.getParameters());
      default -> throw unsupported(key.getClass().getSimpleName());
    };
  }

  /** The public key as it goes over the wire, by which the key is asked for. */
  byte[] publicBlob() {
    return publicBlob.clone();
  }

  /** The name of the key's algorithm and the signature, as it goes over the wire. */
  byte[] sign(byte[] data, int flags) throws CryptoException {
    return switch (key) {
      case Ed25519PrivateKeyParameters edwards ->
          signature("ssh-ed25519", signed(new Ed25519Signer(), edwards, data));
      case RSAPrivateCrtKeyParameters rsa -> {
        if ((flags & RSA_SHA2_512) != 0) {
          yield signature("rsa-sha2-512", signed(rsa(new SHA512Digest()), rsa, data));
        }
        if ((flags & RSA_SHA2_256) != 0) {
          yield signature("rsa-sha2-256", signed(rsa(new SHA256Digest()), rsa, data));
        }
        yield signature("ssh-rsa", signed(rsa(new SHA1Digest()), rsa, data));
      }
      case ECPrivateKeyParameters curve -> ecdsa(curve, data);
      default -> throw new IllegalStateException("no key for signatures");
    };
  }

  private static Signer rsa(Digest hash) {
    return new RSADigestSigner(hash);
  }

  private static byte[] signed(Signer signer, CipherParameters key, byte[] data)
      throws CryptoException {
    signer.init(true, key);
    signer.update(data, 0, data.length);
    return signer.generateSignature();
  }

  private static byte[] ecdsa(ECPrivateKeyParameters key, byte[] data) {
    int bits = key.getParameters().getCurve().getFieldSize();
    Digest hash;
    if (bits <= 256) {
      hash = new SHA256Digest();
    } else {
      hash = bits <= 384 ? new SHA384Digest() : new SHA512Digest();
    }
    byte[] digest = new byte[hash.getDigestSize()];
    hash.update(data, 0, data.length);
    hash.doFinal(digest, 0);
    ECDSASigner signer = new ECDSASigner();
    signer.init(true, key);
    BigInteger[] numbers = signer.generateSignature(digest);
    return signature(
        "ecdsa-sha2-nistp" + bits,
        new WireWriter().string(numbers[0].toByteArray()).string(numbers[1].toByteArray()).bytes());
  }

  private static byte[] signature(String algorithm, byte[] signed) {
    return new WireWriter()
        .string(algorithm.getBytes(StandardCharsets.US_ASCII))
        .string(signed)
        .bytes();
  }
}
