/** Files that are not merged by their leaves, be they damaged or of another form: SQL reads all that can be read. */
export class UnknownForm extends Error {
  override readonly name = 'UnknownForm';
}
