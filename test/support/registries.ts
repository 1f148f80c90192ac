/** Registries in memory that end with the test that started them. */

import { onTestFinished } from 'vitest'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from './memory-registry.ts'

export async function registry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const started = await startMemoryRegistry(options)
  onTestFinished(() => started.close())
  return started
}
