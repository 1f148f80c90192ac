/** Opens Harbor: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { askV2, createHarbor, projectOf } from './harbor.ts'
import { createLabels } from './labels.ts'
import { listTags, namespaces, repositories } from './listing.ts'
import { ensureProject } from './projects.ts'
import { harborRepository } from './repository.ts'
import { type ProjectRules, projectRules, rulesFor } from './rules.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
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
}
