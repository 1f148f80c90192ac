/** What an event is about, as the key under which several of its events are one. */

export interface EventArtifact {
  readonly repository: string
  readonly tag: string | null
  readonly digest: string | null
}

/** `team/app:1.0`, `team/app@sha256:…` without a tag, `team/app` for a whole repository. */
export function artifactOf({ repository, tag, digest }: EventArtifact): string {
  if (tag !== null) return `${repository}:${tag}`
  return digest === null ? repository : `${repository}@${digest}`
}
