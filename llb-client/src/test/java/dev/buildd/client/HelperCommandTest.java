package dev.buildd.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class HelperCommandTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          docker-container://buildx_buildkit_b0 | docker exec -i buildx_buildkit_b0 buildctl dial-stdio
          docker-container://b?context=far | docker --context=far exec -i b buildctl dial-stdio
          podman-container://b.1 | podman exec -i b.1 buildctl dial-stdio
          nerdctl-container://b | nerdctl exec -i b buildctl dial-stdio
          nerdctl-container://b?namespace=k8s.io | nerdctl exec --namespace k8s.io -i b buildctl dial-stdio
          kube-pod://buildkitd-0 | kubectl exec -i buildkitd-0 -- buildctl dial-stdio
          kube-pod://p?context=arn:aws:eks:x:1:cluster/c&namespace=n&container=c | kubectl --context=arn:aws:eks:x:1:cluster/c --namespace=n exec --container=c -i p -- buildctl dial-stdio
          ssh://host | ssh -- host buildctl dial-stdio
          ssh://me@[fe80::1%25eth0]:2222/ | ssh -l me -p 2222 -- fe80::1%eth0 buildctl dial-stdio
          ssh://me@host/run/user/1/b.sock | ssh -l me -- host buildctl --addr unix:///run/user/1/b.sock dial-stdio
          ssh://host/a;b | ssh -- host buildctl --addr 'unix:///a;b' dial-stdio
          ssh://host/$(a)'b | ssh -- host buildctl --addr 'unix:///$(a)'\\''b' dial-stdio
          """,
      quoteCharacter = '`')
  void eachKindHasItsCommand(String address, String command) {
    assertThat(HelperCommand.of(address).orElseThrow()).isEqualTo(List.of(command.split(" ")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "docker-container://",
        "docker-container://--privileged",
        "docker-container://a b",
        "docker-container://a/b",
        "docker-container://me@a",
        "docker-container://a?contxt=b",
        "docker-container://a?context=b%20c",
        "podman-container://-a",
        "podman-container://a?context=b",
        "nerdctl-container://a?namespace=--host",
        "kube-pod://-a",
        "kube-pod://A_b",
        "kube-pod://a?namespace=-b",
        "kube-pod://a?container=b%00",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://host%20-x",
        "ssh://-lroot@host",
        "ssh://a;b@host",
        "ssh://me:password@host",
        "ssh://host:port",
        "ssh://host?a=b",
        "ssh://host#a",
        "ssh://host/a%0Ab",
        "ssh://host/%zz",
      })
  void whatCouldBeTakenForMoreThanANameIsRefused(String address) {
    assertThatThrownBy(() -> HelperCommand.of(address))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("invalid address");
  }

  @Test
  void passwordsAreNotRepeated() {
    assertThatThrownBy(() -> HelperCommand.of("ssh://me:s3cret@host"))
        .hasMessageContaining("plain-text password is not supported")
        .hasMessageNotContaining("s3cret");
  }

  @Test
  void otherAddressesHaveNone() {
    assertThat(HelperCommand.of("unix:///run/b.sock")).isEmpty();
    assertThat(HelperCommand.of("tcp://host:1")).isEmpty();
    assertThat(HelperCommand.of("host")).isEmpty();
  }
}
