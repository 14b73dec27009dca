package dev.buildd.base.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SecretNamesTest {
  @ParameterizedTest
  @ValueSource(strings = {"password", "API_KEY", "MY_SECRET_X", "Token_", "_auth", "APIKEY"})
  void soundsSecret(String name) {
    assertThat(SecretNames.isSecret(name)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"monkey", "PUBLIC_KEY", "TOKEN_FILE", "secret_version", "", "keys", "a-key"})
  void soundsHarmless(String name) {
    assertThat(SecretNames.isSecret(name)).isFalse();
  }
}
