/** OCI layouts: a directory or a tar that holds repositories, for air gaps and for trying things out. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const ociLayout: AdapterType = {
  identity: 'oci-layout',
  name: 'OCI layout',
  description: 'a directory or a tar in the OCI image layout, with any number of repositories',
  short: 'archive',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing: 'index.json names every tag with its digest: one file is read, no manifest',
  credentials: [],
  checked: 'directories and tars, by the suite of content stores',
  quirks: [
    'Needs path: a directory, or a file that ends in .tar; .tar.gz and .tar.zst can be read, not written.',
    'A tar that `docker save`, `podman save` or `crane pull` made can be read, old forms and new; its layers keep their bytes, so they have no digest of a registry.',
    'A tar is packed when the run ends; what it held before stays in it. Until then blobs wait in .NAME.tar.partial beside it.',
    'The only image of a layout without a name is the tag latest.',
    'skopeo and podman do not find images in the format of Docker in a layout; oras, regctl and crane do.',
    'Entries that name no repository belong to one named after the directory or the file.',
    'A directory without an oci-layout file may hold layouts below it, one for each repository.',
    'A tag that two entries give to different manifests is refused.',
    'Deleting takes entries out of index.json; the blobs stay.',
    'A directory that holds anything else is never written into.',
  ],
  open: async (registry) => (await import('../../src/oci/layout/layout.ts')).ociLayout(registry),
}
