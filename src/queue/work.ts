/** What logs call a task or a blob that workers were given. */

import type { Work } from './protocol.ts'

/** As it stands at the destination: `mirror/app:v1`, `mirror/app@sha256:…`. */
export function workName(work: Work): string {
  if ('at' in work) return `${work.at.repository}@${work.at.blob.digest}`
  const { destination, digest } = work.task
  return `${destination.repository}:${destination.tag ?? digest ?? ''}`
}
