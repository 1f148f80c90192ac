/** The file that `config init` writes: small, working, and explained. */

/** YAML that loads as it stands; the commented parts show what else there is. */
export function initialConfiguration(): string {
  return INITIAL
}

const INITIAL = `# Registries and policies of replicate.
# Every key: replicate config schema. Check this file: replicate policies validate FILE
# For editors: replicate config schema > schema.json, and a first line "# yaml-language-server: $schema=./schema.json"

# A registry is an endpoint with a name. One that needs no settings need not be defined: a host will do.
registries:
  mirror:
    type: docker-registry              # replicate adapters list shows the others
    url: https://registry.example.com
    # Without a credential here: the keychain (replicate credentials set mirror), then the files of Docker and Podman.
    # credential:
    #   type: basic
    #   username: replicator
    #   password: \${MIRROR_PASSWORD}   # from the environment; secrets never stand in this file
    # limits:
    #   connections: 16
    #   bandwidth: 100MiB/s

# A policy says what goes from where to where. replicate plan shows what it means, replicate run does it.
policies:
  alpine:
    source: docker.io/library/alpine:3.*
    destination: mirror/mirror

  # base-images:
  #   description: What our Dockerfiles begin with
  #   source:
  #     registry: docker.io
  #   destination:
  #     registry: mirror
  #     namespace: mirror              # library/redis becomes mirror/redis
  #   filters:
  #     name: library/{alpine,redis}   # * any characters but /, ** any, ? one, {a,b} either, [a-z] a class
  #     tag: ["3.*", latest]           # any of these; or, for versions: semver: ">=3.18 <4"
  #     newest: 5                      # of each repository, after the other filters
  #     platforms: [linux/amd64, linux/arm64]
  #     exclude:
  #       tag: "*-rc*"
  #   override: true                   # false keeps a destination tag that differs
  #   deletion: never                  # mirror also deletes what is gone from the source
  #   triggers:
  #     - schedule: "0 2 * * *"        # replicate schedule export prints what runs it then
  #       timezone: Europe/Berlin
  #   notify:
  #     - on: failed
  #       slack: \${SLACK_WEBHOOK}      # or webhook: URL, or exec: [COMMAND, ARGUMENT, "{policy}"]
`
