/** Harbor 2, by its own API where that knows more: projects, artifacts with their tags and labels, quotas, immutable tags. */

import type { Adapter, AdapterType } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import { ociRegistry } from '../../src/oci/registry.ts'
import { parseEvents } from './events.ts'
import { askV2, createHarbor, projectOf } from './harbor.ts'
import { createLabels } from './labels.ts'
import { listTags, namespaces, repositories } from './listing.ts'
import { ensureProject } from './projects.ts'
import { harborRepository } from './repository.ts'
import { type ProjectRules, projectRules, rulesFor } from './rules.ts'

export const harbor: AdapterType = {
  identity: 'harbor',
  name: 'Harbor',
  description: 'Harbor 2, with its projects, robot accounts, labels, quotas and immutable tags',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'label', 'resource'],
  depth: { min: 2 },
  listing: 'the artifacts API, 100 artifacts with all their tags and labels a request, and one tag list a repository',
  credentials: ['anonymous', 'basic'],
  quirks: [
    'The name of a robot account is all of robot$project+name: single quotes keep a shell from eating the $.',
    "Harbor takes 0.1 s of its processor to check a user's password, with every request to its API; a robot account's costs next to nothing.",
    'A robot account that may only pull and push is enough; then each tag costs one HEAD, and labels, quotas and immutability rules are not seen.',
    'Projects are created as destination.public says; that needs an administrator, a Harbor where everyone may, or a system robot account with create of project.',
    'Of a project that is a proxy cache only what is cached is listed, but a tag that is named exactly is fetched through it; nothing can be pushed to it.',
    'Labels that the destination lacks are created in its project; global labels of the same name are used where they exist.',
    'Its webhooks do not tell of a tag that was made or deleted by its API or web pages, and of several tags of a deleted artifact they name one.',
  ],
  parseEvents,
  open(registry, tools): Adapter {
    const base = ociRegistry(registry, tools)
    const it = createHarbor(registry, tools)
    const labels = createLabels(it)
    const stores = new Map<string, ContentStore>()
    const rules = new Map<string, Promise<ProjectRules>>()
    return {
      ...base,
      async ping(ctx) {
        const { harbor_version } = await it.info(ctx)
        if (harbor_version !== undefined) await askV2(it, ctx)
      },
      repository(name) {
        const store = stores.get(name) ?? harborRepository(it, name, base.repository(name))
        stores.set(name, store)
        return store
      },
      namespaces: (ctx) => namespaces(it, ctx),
      ensureNamespace: (namespace, options, ctx) => ensureProject(it, namespace, options, ctx),
      repositories: (wanted, ctx) => repositories(it, wanted, ctx),
      listTags: (repository, ctx) => listTags(it, repository, ctx),
      async writeRules(repository, ctx) {
        const project = projectOf(repository)
        const known = rules.get(project) ?? projectRules(it, project, ctx)
        rules.set(project, known)
        known.catch(() => rules.delete(project))
        return rulesFor(repository.slice(project.length + 1), await known)
      },
      attachLabels: (repository, digest, names, ctx) => labels.attach(repository, digest, names, ctx),
    }
  },
}
