/**
 * Names that ICU takes for zones and temporal-polyfill refuses ("Forbidden ICU TimeZone"), in capital letters
 * only: no database has them, and IST is India to some and Ireland or Israel to others.
 */
const ICU_NAME = /^(AC|AE|AG|AR|AS|BE|BS|CA|CN|CS|CT|EA|EC|IE|IS|JS|MI|NE|NS|PL|PN|PR|PS|SS|VS)T$/i;

/**
 * Whether a text is the name of a time zone of the IANA database, as ICU knows it. Besides the names of
 * `Intl.supportedValuesOf('timeZone')` these are its links, such as Asia/Kolkata; an offset is no name.
 */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/.test(name) || ICU_NAME.test(name)) {
    return false;
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
