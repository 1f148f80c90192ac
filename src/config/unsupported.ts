/** Names of what does not exist any more, so that the refusal can say so. */

/** Identities of services that are gone, with the adapter that has what they had. */
export const RETIRED_TYPES: ReadonlyMap<string, string> = new Map([['helm-hub', 'artifact-hub']])
