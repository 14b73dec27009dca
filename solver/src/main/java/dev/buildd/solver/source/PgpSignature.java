package dev.buildd.solver.source;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.Iterator;
import java.util.List;
import java.util.regex.Pattern;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPUtil;
import org.bouncycastle.openpgp.api.OpenPGPCertificate;
import org.bouncycastle.openpgp.api.OpenPGPDefaultPolicy;
import org.bouncycastle.openpgp.api.OpenPGPDetachedSignatureProcessor;
import org.bouncycastle.openpgp.api.OpenPGPPolicy;
import org.bouncycastle.openpgp.api.OpenPGPSignature.OpenPGPDocumentSignature;
import org.bouncycastle.openpgp.api.bc.BcOpenPGPApi;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentVerifierBuilderProvider;
import org.jspecify.annotations.Nullable;

/**
 * A detached OpenPGP signature and the keys that may have made it, each in ASCII armour.
 *
 * <p>Keys have to be good for signing when the signature was made: one that has expired since is
 * still good, one that was revoked is not. Hashes are SHA-2 of 256 bits or more, and RSA keys have
 * 2048 bits at least.
 *
 * @param keys one armoured block after the other
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record PgpSignature(byte[] keys, byte[] signature) {
  private static final Pattern BLOCK = Pattern.compile("(?=-----BEGIN PGP )");
  private static final Duration CLOCKS_DIFFER = Duration.ofMinutes(5);
  private static final OpenPGPPolicy POLICY =
      new OpenPGPDefaultPolicy()
          .rejectHashAlgorithm(HashAlgorithmTags.SHA1)
          .rejectHashAlgorithm(HashAlgorithmTags.SHA224);

  /** Reads to the end what is signed. */
  public void verify(InputStream signed) {
    try {
      BcOpenPGPApi api = new BcOpenPGPApi(POLICY);
      OpenPGPDetachedSignatureProcessor processor =
          api.verifyDetachedSignature()
              .addSignatures(PGPUtil.getDecoderStream(new ByteArrayInputStream(signature)))
              .verifyNotAfter(Date.from(Instant.now().plus(CLOCKS_DIFFER)));
      for (OpenPGPCertificate certificate : certificates(api)) {
        processor.addVerificationCertificate(certificate);
      }
      List<String> wrong = new ArrayList<>();
      for (OpenPGPDocumentSignature one : processor.process(signed)) {
        if (one.isValid(POLICY) && !isRevoked(one.getIssuerCertificate())) {
          return;
        }
        wrong.add("signature by " + one.getKeyIdentifier() + " is not valid");
      }
      throw failed(
          wrong.isEmpty() ? "signature by an unknown key" : String.join("; ", wrong), null);
    } catch (IOException | PGPException e) {
      throw failed(String.valueOf(e.getMessage()), e);
    }
  }

  private static BuildException failed(String why, @Nullable Exception e) {
    return new BuildException(
        Category.FAILED_PRECONDITION, "failed to verify pgp signature: " + why, e);
  }

  private List<OpenPGPCertificate> certificates(BcOpenPGPApi api) throws IOException {
    List<OpenPGPCertificate> out = new ArrayList<>();
    for (String block : BLOCK.split(new String(keys, StandardCharsets.UTF_8))) {
      if (!block.isBlank()) {
        out.addAll(api.readKeyOrCertificate().parseKeysOrCertificates(block));
      }
    }
    return out;
  }

  /** For whatever reason, and be it after the signature was made. */
  private static boolean isRevoked(OpenPGPCertificate certificate) throws PGPException {
    PGPPublicKey primary = certificate.getPGPPublicKeyRing().getPublicKey();
    Iterator<PGPSignature> revocations = primary.getSignaturesOfType(PGPSignature.KEY_REVOCATION);
    while (revocations.hasNext()) {
      PGPSignature revocation = revocations.next();
      revocation.init(new BcPGPContentVerifierBuilderProvider(), primary);
      if (revocation.verifyCertification(primary)) {
        return true;
      }
    }
    return false;
  }
}
