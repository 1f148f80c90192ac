/** The file that `config init` writes: small, working, and explained. */

/** YAML that loads as it stands; the commented parts show what else there is. */
export function initialConfiguration(): string {
  return INITIAL
}

const INITIAL = `# Registries and policies of replicate.
# Everything that may stand here: replicate config schema

# A registry is an endpoint with a name. One that needs no settings need not be defined: a host will do.
registries:
  mirror:
    type: docker-registry
    url: https://registry.example.com
    # credential:                      # else the keychain and the files of Docker and Podman are asked
    #   type: basic
    #   username: replicator
    #   password: \${MIRROR_PASSWORD}   # from the environment; secrets never stand in this file
    # limits:
    #   connections: 16
    #   bandwidth: 100MiB/s

# A policy says what goes from where to where. \`replicate plan\` shows what it means, \`replicate run\` does it.
policies:
  alpine:
    source: docker.io/library/alpine:3.*
    destination: mirror/mirror

  # base-images:
  #   source:
  #     registry: docker.io
  #   destination:
  #     registry: mirror
  #     namespace: mirror
  #   filters:
  #     name: library/{alpine,redis}   # * any characters but /, ** any, ? one, {a,b} either, [a-z] a class
  #     tag: ["3.*", latest]
  #     semver: ">=3.18 <4"
  #     newest: 5                      # of each repository
  #     platforms: [linux/amd64, linux/arm64]
  #     exclude:
  #       tag: "*-rc*"
  #   override: true                   # false keeps a destination tag that differs
`
