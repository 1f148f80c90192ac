/** What an adapter outside this program is made of: the types, and the parts that its `adapter` function receives.
 *
 *  It is given them instead of importing them, so that it is one file that stands anywhere, and its errors are the program's own. */

import { z } from 'zod'
import type { AdapterType } from '../core/adapter.ts'
import { ConfigurationError, CredentialError, RegistryError, UnsupportedError } from '../core/errors.ts'
import { malformedDelivery } from '../oci/registry/delivery.ts'
import { nextPage } from '../oci/registry/listing.ts'
import { askJson, itemsOf } from '../oci/registry/pages.ts'
import { ociRegistry } from '../oci/registry/registry.ts'
import { restated } from '../oci/registry/restate.ts'
import { topsOf } from '../oci/registry/wanted.ts'

export type * from '../core/adapter.ts'
export type * from '../core/content.ts'
export type { Context } from '../core/context.ts'
export type { Descriptor, Digest, Referrer } from '../core/descriptor.ts'
export type { HookFacts, HookGreeting } from '../core/hooks.ts'
export type { HttpClient, HttpRequest, HttpResponse } from '../core/http.ts'
export type { Manifest } from '../core/manifest.ts'
export type { Credential, Registry, SentCredential } from '../core/registry.ts'
export type { RegistryFacts } from '../oci/registry/registry.ts'

export const kit = {
  ociRegistry,
  itemsOf,
  askJson,
  nextPage,
  topsOf,
  restated,
  malformedDelivery,
  ConfigurationError,
  CredentialError,
  RegistryError,
  UnsupportedError,
  z,
} as const

export type AdapterKit = typeof kit

/** What the file or package exports as `adapter`. */
export type DefineAdapter = (kit: AdapterKit) => AdapterType
