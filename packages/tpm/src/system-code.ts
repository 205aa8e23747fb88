/** The system's short name of a fault ("ECONNREFUSED"), where it has one. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown fault'
}
