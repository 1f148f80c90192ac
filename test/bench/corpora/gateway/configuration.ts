/** What the gateway of the bench is told. */

/** Pulls of `team` land in `mirror`. */
export function configuration(
  source: { readonly url: string },
  destination: { readonly url: string },
  maxAge: string,
): string {
  return `registries:
  hub: { type: docker-registry, url: "${source.url}" }
  mine: { type: docker-registry, url: "${destination.url}" }
policies:
  pulls:
    source: { registry: hub, namespaces: [team] }
    destination: { registry: mine, namespace: mirror }
    triggers: [{ pull: true, max_age: ${maxAge} }]
serve: { listen: "127.0.0.1:0" }
`
}
