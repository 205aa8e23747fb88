/** Event types with special rules here (TCG PC Client Platform Firmware Profile 1.06, section 10.4.1). */
export const EVENT_TYPE = {
  EV_NO_ACTION: 0x00000003,
  EV_SEPARATOR: 0x00000004,
  EV_S_CRTM_VERSION: 0x00000008,
  EV_EFI_VARIABLE_DRIVER_CONFIG: 0x80000001,
  EV_EFI_ACTION: 0x80000007,
  EV_EFI_HCRTM_EVENT: 0x80000010,
  EV_EFI_VARIABLE_AUTHORITY: 0x800000e0,
} as const

/** Ranges of the types that the profile defines; EV_PREBOOT_CERT and EV_UNUSED are retired. */
const KNOWN = [
  [0x00000001, 0x00000001],
  [0x00000003, 0x00000013],
  [0x80000001, 0x8000000d],
  [0x80000010, 0x80000010],
  [0x800000e0, 0x800000e4],
] as const

/** Tests whether the profile defines an event type. */
export function isKnownType(type: number): boolean {
  return KNOWN.some(([first, last]) => first <= type && type <= last)
}

/**
 * Tests whether the digest of such an event has to be the hash of its data: the profile defines it so, and
 * firmware abides. EV_S_CRTM_VERSION is not among them: machines of Dell and hosts of Google measure
 * something else than the version that they log. For other types the digest is the hash of something
 * outside the log (an image, a table).
 */
export function isDataMeasured(type: number): boolean {
  return MEASURED.includes(type)
}

const MEASURED: readonly number[] = [
  EVENT_TYPE.EV_SEPARATOR,
  EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG,
  EVENT_TYPE.EV_EFI_ACTION,
  EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY,
]
