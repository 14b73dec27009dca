package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.base.text.Csv;
import dev.buildd.base.text.GoBool;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code --registry-auth-tlscontext}: how to reach token servers, by the registries' hosts. */
final class RegistryAuthTls {
  private static final String FLAG = "--registry-auth-tlscontext";

  private RegistryAuthTls() {}

  /** Several values for one host add up. */
  static Map<String, TlsSettings> parse(List<String> values) {
    Map<String, TlsSettings> out = new LinkedHashMap<>();
    for (String value : values) {
      Map<String, String> attributes = Csv.attributes(value);
      // with or without a scheme: both are how users write hosts
      String host = attributes.getOrDefault("host", "").replaceFirst("^https?://", "");
      if (host.isEmpty()) {
        throw BuildException.invalid(FLAG + " requires host=<host>");
      }
      out.merge(host, one(attributes), RegistryAuthTls::both);
    }
    return out;
  }

  private static TlsSettings one(Map<String, String> attributes) {
    boolean insecure = GoBool.isTrue(attributes.getOrDefault("insecure", ""));
    String ca = attributes.getOrDefault("ca", "");
    String certificate = attributes.getOrDefault("cert", "");
    String key = attributes.getOrDefault("key", "");
    if (certificate.isEmpty() != key.isEmpty()) {
      throw BuildException.invalid(FLAG + " requires cert=<cert>,key=<key>");
    }
    if (ca.isEmpty() && !insecure && key.isEmpty()) {
      throw BuildException.invalid(
          FLAG + " requires ca=<ca> or cert=<cert>,key=<key> or insecure=true");
    }
    return new TlsSettings(
        insecure,
        ca.isEmpty() ? List.of() : List.of(Path.of(ca)),
        key.isEmpty()
            ? List.of()
            : List.of(new TlsSettings.KeyPair(Path.of(key), Path.of(certificate))));
  }

  private static TlsSettings both(TlsSettings a, TlsSettings b) {
    return new TlsSettings(
        a.insecure() || b.insecure(),
        joined(a.rootCas(), b.rootCas()),
        joined(a.keyPairs(), b.keyPairs()));
  }

  private static <T> List<T> joined(List<T> a, List<T> b) {
    List<T> out = new ArrayList<>(a);
    out.addAll(b);
    return out;
  }
}
