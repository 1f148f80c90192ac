/** Descriptors without what only their authors need, so that no manifest can fill memory. */

import type { Descriptor } from '../../core/descriptor.ts'

/** Characters of a media type; a longer one is not a media type (RFC 6838, 4.2: two names of at most 127). */
const LONGEST_TYPE = 255

/** What is kept of a descriptor: nothing whose length its author chooses. */
export function slim({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType: mediaType.length > LONGEST_TYPE ? 'application/octet-stream' : mediaType, digest, size }
}
