/** An adapter of your own, in one file: a registry whose catalogue is switched off, with the list of its repositories in the policy.
 *
 *  `replicate adapters show ./fixed-list.js` shows what is said here. How to write one: adapters/README.md.
 *
 *  @type {import('replicate-ng/adapter').DefineAdapter} */
export const adapter = ({ ociRegistry, ConfigurationError }) => ({
  identity: 'fixed-list',
  name: 'Fixed list',
  description: 'a plain registry whose repositories are listed in the configuration',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing: 'the repositories as given, tag lists, then one HEAD a tag for its digest',
  credentials: ['anonymous', 'basic', 'token'],
  quirks: ['Only what the list names is ever seen.'],
  options: [{ name: 'repositories', description: 'The names of its repositories', type: 'list' }],
  open(registry, tools) {
    const names = registry.options?.repositories
    if (!Array.isArray(names)) throw new ConfigurationError(`registry ${registry.name} lists no repositories`)
    return {
      // All that a plain registry can, and what this one does in another way.
      ...ociRegistry(registry, tools),
      async *repositories() {
        yield* names
      },
    }
  },
})
