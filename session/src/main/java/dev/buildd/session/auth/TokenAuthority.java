package dev.buildd.session.auth;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.NamedParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;

/**
 * An Ed25519 key by which a user shows in one session that he is the one of another session, and
 * tells nothing else. Keys are raw and messages as NaCl signs them (wire.md section 4.2).
 *
 * <p>The virtual machine's own Ed25519: a client loads nothing more for it.
 */
final class TokenAuthority {
  private static final int KEY = 32;
  private static final int SIGNATURE = 64;
  private static final byte[] X509_PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");

  private final PrivateKey privateKey;
  private final byte[] publicKey;

  private TokenAuthority(PrivateKey privateKey, byte[] publicKey) {
    this.privateKey = privateKey;
    this.publicKey = publicKey;
  }

  /**
   * The key with that seed.
   *
   * @param seed 32 bytes
   */
  static TokenAuthority of(byte[] seed) throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("Ed25519");
    // the private key of Ed25519 is 32 random bytes, and the API has no other way to its public key
    generator.initialize(NamedParameterSpec.ED25519, new Given(seed));
    KeyPair pair = generator.generateKeyPair();
    byte[] encoded = pair.getPublic().getEncoded();
    return new TokenAuthority(
        pair.getPrivate(), Arrays.copyOfRange(encoded, encoded.length - KEY, encoded.length));
  }

  byte[] publicKey() {
    return publicKey.clone();
  }

  /** The signature with the message after it. */
  byte[] sign(byte[] message) throws GeneralSecurityException {
    Signature signing = Signature.getInstance("Ed25519");
    signing.initSign(privateKey);
    signing.update(message);
    byte[] signature = signing.sign();
    byte[] out = Arrays.copyOf(signature, signature.length + message.length);
    System.arraycopy(message, 0, out, signature.length, message.length);
    return out;
  }

  /** Whether somebody with the key has signed exactly this message. */
  static boolean isSigned(byte[] publicKey, byte[] signed, byte[] message) {
    Optional<byte[]> opened = open(publicKey, signed);
    return opened.isPresent() && MessageDigest.isEqual(opened.get(), message);
  }

  private static Optional<byte[]> open(byte[] publicKey, byte[] signed) {
    if (publicKey.length != KEY || signed.length < SIGNATURE) {
      return Optional.empty();
    }
    byte[] encoded = Arrays.copyOf(X509_PREFIX, X509_PREFIX.length + KEY);
    System.arraycopy(publicKey, 0, encoded, X509_PREFIX.length, KEY);
    byte[] message = Arrays.copyOfRange(signed, SIGNATURE, signed.length);
    try {
      Signature checking = Signature.getInstance("Ed25519");
      checking.initVerify(
          KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded)));
      checking.update(message);
      return checking.verify(signed, 0, SIGNATURE) ? Optional.of(message) : Optional.empty();
    } catch (GeneralSecurityException e) {
      return Optional.empty(); // no point of the curve
    }
  }

  /** Random bytes that are not. */
  private static final class Given extends SecureRandom {
    private static final long serialVersionUID = 1L;
    private final byte[] bytes;

    Given(byte[] bytes) {
      super();
      this.bytes = bytes.clone();
    }

    @Override
    public void nextBytes(byte[] to) {
      if (to.length != bytes.length) {
        throw new IllegalArgumentException("asked for " + to.length + " bytes");
      }
      System.arraycopy(bytes, 0, to, 0, to.length);
    }
  }
}
