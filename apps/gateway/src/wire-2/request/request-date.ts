import { HttpError } from '../../http-error.js'

/** Most seconds between the clocks of a caller and of this gateway. */
export const MAX_SKEW_S = 300

/** Refusal of a request without the date of now. */
export class DateRefusal extends HttpError {
  override readonly name = 'DateRefusal'

  constructor() {
    super(
      400,
      `The date of the request is missing or more than ${MAX_SKEW_S} seconds off`,
      undefined,
      'date_invalid',
    )
  }
}

/**
 * Requires a date close to now: older requests are forgotten, and could be replayed.
 *
 * @param date - value of the field, in the one form that is sent today (RFC 9110, 5.6.7)
 * @throws DateRefusal
 */
export function checkDate(
  date: string | undefined,
  { nowMs, isRequired }: { readonly nowMs: number; readonly isRequired: boolean },
): void {
  if (date === undefined && !isRequired) return
  const ms = Date.parse(date ?? '')
  const isExact = !Number.isNaN(ms) && new Date(ms).toUTCString() === date
  if (!isExact || Math.abs(nowMs - ms) > MAX_SKEW_S * 1000) throw new DateRefusal()
}
