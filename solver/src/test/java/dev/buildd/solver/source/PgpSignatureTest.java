package dev.buildd.solver.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.bouncycastle.bcpg.ArmoredOutputStream;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.openpgp.api.OpenPGPKey;
import org.bouncycastle.openpgp.api.SignatureParameters;
import org.bouncycastle.openpgp.api.bc.BcOpenPGPApi;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Which signatures are good. */
final class PgpSignatureTest {
  private static final BcOpenPGPApi api = new BcOpenPGPApi();
  private static OpenPGPKey ours;
  private static OpenPGPKey others;

  @BeforeAll
  static void makeKeys() throws Exception {
    ours = api.generateKey(4).ed25519x25519Key("Ours <ours@example.com>").build();
    others = api.generateKey(4).compositeRSAKey(2048, "Others <others@example.com>").build();
  }

  private static String keys(OpenPGPKey key) throws Exception {
    return key.toCertificate().toAsciiArmoredString();
  }

  private static String sign(OpenPGPKey key, String text, SignatureParameters.Callback how)
      throws Exception {
    return api.createDetachedSignature()
        .addSigningKey(key, how)
        .sign(new ByteArrayInputStream(text.getBytes(UTF_8)))
        .getFirst()
        .toAsciiArmoredString();
  }

  private static String sign(OpenPGPKey key, String text) throws Exception {
    return sign(key, text, SignatureParameters.Callback.Util.modifyHashedSubpackets(p -> p));
  }

  private static void verify(String keys, String signature, String text) {
    new PgpSignature(keys.getBytes(UTF_8), signature.getBytes(UTF_8))
        .verify(new ByteArrayInputStream(text.getBytes(UTF_8)));
  }

  private static void assertRefused(String keys, String signature, String text) {
    assertThatThrownBy(() -> verify(keys, signature, text))
        .isInstanceOf(BuildException.class)
        .hasMessageStartingWith("failed to verify pgp signature: ");
  }

  @Test
  void aSignatureByOneOfTheKeysIsGood() throws Exception {
    assertThatCode(() -> verify(keys(ours), sign(ours, "text"), "text")).doesNotThrowAnyException();
    assertThatCode(() -> verify(keys(others), sign(others, "text"), "text"))
        .doesNotThrowAnyException();
    String both = keys(others) + "\n" + keys(ours);
    assertThatCode(() -> verify(both, sign(ours, "text"), "text")).doesNotThrowAnyException();
  }

  @Test
  void anotherTextAnotherKeyAndWhatIsNoSignatureAreRefused() throws Exception {
    assertRefused(keys(ours), sign(ours, "text"), "Text");
    assertRefused(keys(others), sign(ours, "text"), "text");
    assertRefused(keys(ours), "no signature", "text");
    assertRefused("no keys", sign(ours, "text"), "text");
    assertRefused(keys(ours), keys(ours), "text");
  }

  @Test
  void aKeyThatWasRevokedIsRefusedWhenever() throws Exception {
    String before = sign(ours, "text");
    OpenPGPKey revoked = api.editKey(ours).revokeKey().done();
    assertRefused(keys(revoked), before, "text");
  }

  @Test
  void weakHashesAndSignaturesOfTheFutureAreRefused() throws Exception {
    assertRefused(
        keys(ours),
        sign(ours, "text", changed(p -> p.setSignatureHashAlgorithm(HashAlgorithmTags.SHA224))),
        "text");
    Date later = Date.from(Instant.now().plus(Duration.ofHours(1)));
    assertRefused(
        keys(ours), sign(ours, "text", changed(p -> p.setSignatureCreationTime(later))), "text");
  }

  private static SignatureParameters.Callback changed(UnaryOperator<SignatureParameters> change) {
    return new SignatureParameters.Callback() {
      @Override
      public SignatureParameters apply(SignatureParameters parameters) {
        return change.apply(parameters);
      }
    };
  }

  @Test
  void whatIsMutilatedIsRefusedInWords() throws Exception {
    byte[] good =
        api.createDetachedSignature()
            .addSigningKey(ours)
            .sign(new ByteArrayInputStream("text".getBytes(UTF_8)))
            .getFirst()
            .getEncoded();
    byte[] certificate = ours.toCertificate().getEncoded();
    Random random = new Random(1);
    for (int i = 0; i < 200; i++) {
      byte[] signature = good.clone();
      byte[] keys = certificate.clone();
      byte[] one = i % 2 == 0 ? signature : keys;
      one[random.nextInt(one.length)] ^= (byte) (1 << random.nextInt(8));
      byte[] cut = i % 3 == 0 ? Arrays.copyOf(signature, random.nextInt(good.length)) : signature;
      try {
        new PgpSignature(armoured(keys), cut)
            .verify(new ByteArrayInputStream("text".getBytes(UTF_8)));
      } catch (BuildException e) {
        assertThat(e).hasMessageStartingWith("failed to verify pgp signature: ");
      } // else it was in what is not signed, such as the hint to the key
    }
  }

  private static byte[] armoured(byte[] keys) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ArmoredOutputStream armour = ArmoredOutputStream.builder().build(out)) {
      armour.write(keys);
    }
    return out.toByteArray();
  }
}
