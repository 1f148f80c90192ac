/** Where a policy puts it, and what becomes of what is there already. */

import { type FieldsProps, Folded, known, Select, Text } from './fields.tsx'

export function To({ form, onForm, registries, several }: FieldsProps & { readonly several: unknown }) {
  const text = { form, onForm }
  return (
    <fieldset>
      <legend>To</legend>
      {several !== undefined ? (
        <p>
          <code>{JSON.stringify(several)}</code> <span class="dim">(several destinations are changed in the file)</span>
        </p>
      ) : form.destinationReference !== '' ? (
        <Text {...text} of="destinationReference" label="Destination" hint="oci:DIR, or tar:FILE" />
      ) : (
        <>
          <Select
            {...text}
            of="destination"
            label="Destination registry"
            options={known(registries, form.destination)}
          />
          <Text
            {...text}
            of="namespace"
            label="Destination namespace"
            placeholder="mirror"
            hint="Empty: as at the source"
          />
        </>
      )}
      <Folded
        title="Deletion and what is there already"
        form={form}
        of={['deletion', 'maxDeletions', 'override', 'missing', 'withImages', 'referrers']}
      >
        <Select
          {...text}
          of="deletion"
          label="What is gone from the source"
          options={[
            ['', 'stays at the destination'],
            ['owned', 'is deleted, if this policy has put it there'],
            ['mirror', 'is deleted, whoever has put it there'],
            ['events', 'is deleted when an event tells of it'],
          ]}
        />
        {form.deletion === 'owned' || form.deletion === 'mirror' ? (
          <Text
            {...text}
            of="maxDeletions"
            label="At most"
            placeholder="10%"
            hint="A share of the destination's tags, or a number"
          />
        ) : null}
        <Select
          {...text}
          of="override"
          label="What differs at the destination"
          options={[
            ['', 'is replaced'],
            ['false', 'is kept'],
          ]}
        />
        <Select
          {...text}
          of="referrers"
          label="Signatures, attestations and SBOMs"
          options={[
            ['', 'travel with their images'],
            ['all', 'travel with their images, also those that come later'],
            ['false', 'are left behind'],
          ]}
        />
        <Select
          {...text}
          of="withImages"
          label="Images that charts name"
          options={[
            ['', 'are left behind'],
            ['true', 'come with their charts'],
          ]}
        />
        <Select
          {...text}
          of="missing"
          label="What the source lacks of what is named"
          options={[
            ['', 'is a failure'],
            ['warn', 'is a warning'],
          ]}
        />
      </Folded>
    </fieldset>
  )
}
