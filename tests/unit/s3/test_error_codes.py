"""What to do about a refusal, by its code."""

import pytest

from streammerge.errors import ObjectError
from streammerge.s3.error_codes import advice, classify


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("AccessControlListNotSupported", ["omit --acl"]),
        ("KMS.DisabledException", ["KMS key", "--kms-key"]),
        ("KMS.NotFoundException", ["--kms-key"]),
        ("KMS.AccessDeniedException", ["kms:GenerateDataKey"]),
        ("InvalidObjectState", ["archived", "restore"]),
        ("ObjectNotInActiveTierError", ["archived", "restore"]),
        ("InvalidStorageClass", ["--storage-class"]),
        ("NotImplemented", ["--acl"]),
        ("QuotaExceeded", ["quota"]),
    ],
)
def test_what_holds_for_every_object_names_what_to_change(code: str, named: list[str]) -> None:
    """The option or the permission, as a sentence that another may follow."""
    text = advice(code)
    for fragment in named:
        assert fragment in text
    assert not text.endswith(".")


def test_objects_under_keys_of_their_owner() -> None:
    """S3 has no code of its own for them, only words."""
    said = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided"
    assert "SSE-C" in advice("InvalidRequest", said)
    assert advice("InvalidRequest") == advice("SomethingNew") == ""


@pytest.mark.parametrize("code", ["InvalidObjectState", "ObjectNotInActiveTierError"])
def test_an_archived_object_is_not_denied(code: str) -> None:
    """It is a 403, and no matter of permissions."""
    error = classify("copy 'a'", status=403, code=code, message="no")
    assert type(error) is ObjectError
    assert str(error) == f"copy 'a': {code}: no. It is archived: restore it first"
