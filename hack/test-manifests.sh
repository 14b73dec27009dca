#!/bin/bash
# Checks the manifests for Kubernetes as far as that goes without a cluster: that names agree, and that what the scripts beside them make
# is what they want.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)/packaging/kubernetes
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "test-manifests: $*" >&2; exit 1; }
"$here/certificates.sh" "$scratch" buildd-pool buildd-0.buildd 10.0.0.1
openssl verify -purpose sslserver -verify_hostname buildd-0.buildd -CAfile "$scratch/client/ca.pem" "$scratch/daemon/cert.pem" >/dev/null
openssl verify -purpose sslserver -verify_ip 10.0.0.1 -CAfile "$scratch/client/ca.pem" "$scratch/daemon/cert.pem" >/dev/null
openssl verify -purpose sslclient -CAfile "$scratch/daemon/ca.pem" "$scratch/client/cert.pem" >/dev/null
if openssl verify -purpose sslclient -CAfile "$scratch/daemon/ca.pem" "$scratch/daemon/cert.pem" >/dev/null 2>&1; then
  fail "the daemon's certificate is good for a client"
fi
# keys stay where they are when another pod goes, and are spread
for key in $(seq 60); do echo "$key $("$here/pod-for.sh" "$key" buildd-0 buildd-1 buildd-2)"; done > "$scratch/three"
for key in $(seq 60); do echo "$key $("$here/pod-for.sh" "$key" buildd-0 buildd-2)"; done > "$scratch/two"
[ "$(cut -d ' ' -f 2 "$scratch/three" | sort | uniq -c | awk '$1 >= 8' | wc -l)" = 3 ] || fail "keys are not spread: $(cat "$scratch/three")"
[ -z "$(grep -v buildd-1 "$scratch/three" | grep -vxFf "$scratch/two")" ] || fail "keys of pods that stay have moved"
python3 - "$scratch/secrets.yaml" "$here"/statefulset.yaml "$here"/deployment.yaml <<'P'
import sys, yaml
secrets = {o["metadata"]["name"]: o["data"].keys() for o in yaml.safe_load_all(open(sys.argv[1]))}
for path in sys.argv[2:]:
    objects = list(yaml.safe_load_all(open(path)))
    def of(kind):
        return [o for o in objects if o["kind"] == kind]
    (workload,) = of("StatefulSet") + of("Deployment")
    (service,), (config,), (budget,) = of("Service"), of("ConfigMap"), of("PodDisruptionBudget")
    assert len(objects) == 4 and workload["apiVersion"] == "apps/v1", path
    spec, template = workload["spec"], workload["spec"]["template"]
    labels = template["metadata"]["labels"]
    for selector in (spec["selector"]["matchLabels"], service["spec"]["selector"], budget["spec"]["selector"]["matchLabels"]):
        assert selector == labels, (path, selector)
    assert spec.get("serviceName", service["metadata"]["name"]) == service["metadata"]["name"], path
    pod = template["spec"]
    (container,) = pod["containers"]
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"], path
    port = container["ports"][0]["containerPort"]
    assert "--addr=tcp://0.0.0.0:%d" % port in container["args"], path
    volumes = {v["name"] for v in pod["volumes"]} | {c["metadata"]["name"] for c in spec.get("volumeClaimTemplates", [])}
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    assert volumes == set(mounts) and mounts["cache"] == "/var/lib/buildkit", path
    for volume in pod["volumes"]:
        if "secret" in volume:
            files = secrets[volume["secret"]["secretName"]]
            for flag in ("tlscacert", "tlscert", "tlskey"):
                (value,) = [a.split("=")[1] for a in container["args"] if a.startswith("--%s=" % flag)]
                assert value.rpartition("/")[0] == mounts[volume["name"]] and value.rpartition("/")[2] in files, (path, flag)
        if "configMap" in volume:
            assert volume["configMap"]["name"] == config["metadata"]["name"], path
            name = mounts[volume["name"]] + "/" + next(iter(config["data"]))
            assert "--config=" + name in container["args"], path
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["exec"]["command"] == ["buildctl", "debug", "workers"], (path, probe)
    assert container["securityContext"]["privileged"] is True, path
    import re
    drain = int(re.search(r'drainTimeout = "(\d+)m"', config["data"]["buildkitd.toml"]).group(1)) * 60
    assert pod["terminationGracePeriodSeconds"] > drain, path
    open(sys.argv[1] + "." + workload["kind"], "w").write(config["data"]["buildkitd.toml"])
P
for config in "$scratch"/secrets.yaml.*; do
  "$here/../../bin/buildd" --check-config --config "$config" >"$scratch/told" 2>&1 || fail "$(cat "$scratch/told")"
done
echo "test-manifests: names agree, certificates are good for what they are for, keys stay with their pods"
