//! The object storage, as S3's public documentation describes it and MinIO's where it goes further.
//!
//! Runs against the stand-in, or against the server that RUNPROOF_CONTRACT_S3_ENDPOINT, _USER and
//! _PASSWORD name. That one should be empty: only what a test made is looked at, and it stays there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod stage;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, Delete, MetadataDirective,
    ObjectIdentifier, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};
use stage::storage::Storage;

/// The MD5 of `hello`, as S3 writes ETags.
const HELLO: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

async fn put(client: &Client, bucket: &str, key: &str, body: &'static str) -> String {
    let body = ByteStream::from_static(body.as_bytes());
    let put = client.put_object().bucket(bucket).key(key).body(body);
    let answer = put.send().await.unwrap();
    answer.e_tag().unwrap().to_owned()
}

async fn text(client: &Client, bucket: &str, key: &str) -> String {
    let got = client.get_object().bucket(bucket).key(key).send().await;
    let body = got.unwrap().body.collect().await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

/// The status and the code of a refusal.
fn refusal<T, E>(
    answer: Result<T, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>,
) -> (u16, String)
where
    E: ProvideErrorMetadata,
{
    let Err(error) = answer else {
        panic!("that should have been refused");
    };
    let status = error.raw_response().map_or(0, |r| r.status().as_u16());
    // Empty where the answer has no body.
    (status, error.code().unwrap_or_default().to_owned())
}

/// S3's oldest region lets its owner make a bucket twice; MinIO refuses it everywhere.
#[tokio::test]
async fn a_bucket_is_made_once_and_removed_when_it_is_empty() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    let again = client.create_bucket().bucket(&bucket).send().await;
    assert_eq!(refusal(again), (409, "BucketAlreadyOwnedByYou".to_owned()));
    let names = client.list_buckets().send().await.unwrap();
    assert!(names.buckets().iter().any(|b| b.name() == Some(&bucket)));
    put(&client, &bucket, "a", "hello").await;
    let full = client.delete_bucket().bucket(&bucket).send().await;
    assert_eq!(refusal(full), (409, "BucketNotEmpty".to_owned()));
    let gone = client.delete_object().bucket(&bucket).key("a").send().await;
    gone.unwrap();
    let removed = client.delete_bucket().bucket(&bucket).send().await;
    removed.unwrap();
    let listed = client.list_objects_v2().bucket(&bucket).send().await;
    assert_eq!(refusal(listed), (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_and_its_etag_is_the_md5_of_its_bytes() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    let key = "demo.gbot/ü config.csv";
    client
        .put_object()
        .bucket(&bucket)
        .key(key)
        .content_type("text/csv")
        .metadata("origin", "contract")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    let head = client.head_object().bucket(&bucket).key(key).send().await;
    let head = head.unwrap();
    assert_eq!(head.e_tag(), Some(HELLO));
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.content_type(), Some("text/csv"));
    assert_eq!(head.metadata().unwrap()["origin"], "contract");
    assert!(head.last_modified().is_some());
    assert_eq!(text(&client, &bucket, key).await, "hello");
    let other = put(&client, &bucket, key, "hello!").await;
    assert_ne!(other, HELLO);
    assert_eq!(text(&client, &bucket, key).await, "hello!");
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    let got = client.get_object().bucket(&bucket).key("a").send().await;
    assert_eq!(refusal(got), (404, "NoSuchKey".to_owned()));
    let head = client.head_object().bucket(&bucket).key("a").send().await;
    assert_eq!(refusal(head).0, 404);
    let head = client.head_bucket().bucket("no-such-bucket-here").send();
    assert_eq!(refusal(head.await).0, 404);
    // Removing what is not there is no error.
    let gone = client.delete_object().bucket(&bucket).key("a").send().await;
    gone.unwrap();
}

#[tokio::test]
async fn a_part_of_an_object_can_be_asked_for() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    put(&client, &bucket, "a", "hello").await;
    let ask = |range: &str| client.get_object().bucket(&bucket).key("a").range(range);
    let part = ask("bytes=1-3").send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 1-3/5"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"ell");
    let outside = ask("bytes=9-").send().await;
    assert_eq!(refusal(outside), (416, "InvalidRange".to_owned()));
}

#[tokio::test]
async fn a_listing_has_etags_folds_what_lies_deeper_and_goes_on_where_it_stopped() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    for key in ["a", "b/1", "b/2", "b/c/3", "d"] {
        put(&client, &bucket, key, "hello").await;
    }
    let list = || client.list_objects_v2().bucket(&bucket);
    let top = list().delimiter("/").send().await.unwrap();
    let keys: Vec<_> = top.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(keys, ["a", "d"]);
    assert_eq!(top.contents()[0].e_tag(), Some(HELLO));
    assert_eq!(top.contents()[0].size(), Some(5));
    assert_eq!(top.common_prefixes()[0].prefix(), Some("b/"));
    let below = list().prefix("b/").send().await.unwrap();
    assert_eq!(below.key_count(), Some(3));
    let mut keys = Vec::new();
    let mut pages = list().max_keys(2).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|o| o.key().map(str::to_owned)),
        );
    }
    assert_eq!(keys, ["a", "b/1", "b/2", "b/c/3", "d"]);
    let after = list().start_after("b/2").send().await.unwrap();
    assert_eq!(after.key_count(), Some(2));
}

#[tokio::test]
async fn wrong_credentials_are_told_apart_from_none() {
    let storage = Storage::up();
    let wrong = storage.client_with("another-password").list_buckets();
    assert_eq!(
        refusal(wrong.send().await),
        (403, "SignatureDoesNotMatch".to_owned())
    );
    let nobody = storage.client_of("nobody-here", "another-password");
    assert_eq!(
        refusal(nobody.list_buckets().send().await),
        (403, "InvalidAccessKeyId".to_owned())
    );
    let unsigned = stage::http().get(&storage.endpoint).send().await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 403);
    assert!(unsigned.text().await.unwrap().contains("AccessDenied"));
}

#[tokio::test]
async fn a_copy_has_the_bytes_and_the_etag_of_its_source() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    put(&client, &bucket, "a", "hello").await;
    let copy = client.copy_object().bucket(&bucket).key("b");
    let copy = copy
        .copy_source(format!("{bucket}/a"))
        .send()
        .await
        .unwrap();
    assert_eq!(copy.copy_object_result().unwrap().e_tag(), Some(HELLO));
    assert_eq!(text(&client, &bucket, "b").await, "hello");
    let missing = client.copy_object().bucket(&bucket).key("b");
    let missing = missing.copy_source(format!("{bucket}/none")).send().await;
    assert_eq!(refusal(missing), (404, "NoSuchKey".to_owned()));
}

/// The runbooks copy a file over itself to change its ETag. S3 refuses that, and where new metadata
/// makes it a change it touches only them.
#[tokio::test]
async fn a_copy_onto_itself_never_changes_the_etag() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    put(&client, &bucket, "a", "hello").await;
    let source = format!("{bucket}/a");
    let copy = || {
        let copy = client.copy_object().bucket(&bucket).key("a");
        copy.copy_source(&source)
    };
    assert_eq!(
        refusal(copy().send().await),
        (400, "InvalidRequest".to_owned())
    );
    let replaced = copy()
        .metadata_directive(MetadataDirective::Replace)
        .metadata("touched", "yes");
    replaced.send().await.unwrap();
    let head = client.head_object().bucket(&bucket).key("a").send().await;
    let head = head.unwrap();
    assert_eq!(head.e_tag(), Some(HELLO));
    assert_eq!(head.metadata().unwrap()["touched"], "yes");
}

#[tokio::test]
async fn many_objects_are_removed_at_once() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    put(&client, &bucket, "a", "hello").await;
    let name = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let names = Delete::builder().objects(name("a")).objects(name("none"));
    let gone = client.delete_objects().bucket(&bucket);
    let gone = gone.delete(names.build().unwrap()).send().await.unwrap();
    assert_eq!(gone.deleted().len(), 2);
    assert!(gone.errors().is_empty());
    let left = client.list_objects_v2().bucket(&bucket).send().await;
    assert_eq!(left.unwrap().key_count(), Some(0));
}

#[tokio::test]
async fn an_upload_in_parts_has_an_etag_that_counts_them() {
    const PART: usize = 5 << 20;
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    let begin = client.create_multipart_upload().bucket(&bucket).key("big");
    let begin = begin.send().await.unwrap();
    let id = begin.upload_id().unwrap();
    let mut done = CompletedMultipartUpload::builder();
    for (number, size) in [(1, PART), (2, 3)] {
        let body = ByteStream::from(vec![b'x'; size]);
        let part = client.upload_part().bucket(&bucket).key("big");
        let part = part.upload_id(id).part_number(number).body(body);
        let etag = part.send().await.unwrap().e_tag().unwrap().to_owned();
        let part = CompletedPart::builder().part_number(number).e_tag(etag);
        done = done.parts(part.build());
    }
    let end = client
        .complete_multipart_upload()
        .bucket(&bucket)
        .key("big");
    let end = end
        .upload_id(id)
        .multipart_upload(done.build())
        .send()
        .await;
    assert!(end.unwrap().e_tag().unwrap().ends_with("-2\""));
    assert_eq!(text(&client, &bucket, "big").await.len(), PART + 3);
    let gone = client.abort_multipart_upload().bucket(&bucket).key("big");
    let gone = gone.upload_id(id).send().await;
    assert_eq!(refusal(gone), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn conditions_and_digests_of_the_client_are_heeded() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    let write = || {
        let put = client.put_object().bucket(&bucket).key("a");
        put.body(ByteStream::from_static(b"hello"))
    };
    write().if_none_match("*").send().await.unwrap();
    let second = write().if_none_match("*").send().await;
    assert_eq!(refusal(second), (412, "PreconditionFailed".to_owned()));
    let wrong = write().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await;
    assert_eq!(refusal(wrong), (400, "BadDigest".to_owned()));
    let read = || client.get_object().bucket(&bucket).key("a");
    let same = read().if_none_match(HELLO).send().await;
    assert_eq!(refusal(same).0, 304);
    let other = read().if_match("\"0\"").send().await;
    assert_eq!(refusal(other), (412, "PreconditionFailed".to_owned()));
}

#[tokio::test]
async fn what_is_set_for_a_bucket_is_read_back_and_what_is_not_is_said() {
    let storage = Storage::up();
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    let policy = client.get_bucket_policy().bucket(&bucket).send().await;
    assert_eq!(refusal(policy), (404, "NoSuchBucketPolicy".to_owned()));
    let none = client.get_bucket_encryption().bucket(&bucket).send().await;
    let code = "ServerSideEncryptionConfigurationNotFoundError".to_owned();
    assert_eq!(refusal(none), (404, code));
    let versioning = || client.get_bucket_versioning().bucket(&bucket);
    assert_eq!(versioning().send().await.unwrap().status(), None);
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
    let set = client.put_bucket_versioning().bucket(&bucket);
    set.versioning_configuration(enabled.build())
        .send()
        .await
        .unwrap();
    let status = versioning().send().await.unwrap();
    assert_eq!(status.status(), Some(&BucketVersioningStatus::Enabled));
}

/// An original without a key service refuses this one, so only the stand-in is asked.
#[tokio::test]
async fn encryption_that_is_set_for_a_bucket_is_read_back() {
    let storage = Storage::standin(tempfile::tempdir().unwrap());
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    let aes = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256);
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(aes.build().unwrap());
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build());
    let set = client.put_bucket_encryption().bucket(&bucket);
    set.server_side_encryption_configuration(rules.build().unwrap())
        .send()
        .await
        .unwrap();
    let read = client.get_bucket_encryption().bucket(&bucket).send().await;
    let read = read.unwrap();
    let rules = read.server_side_encryption_configuration().unwrap().rules();
    assert_eq!(rules.len(), 1);
}

#[tokio::test]
async fn health_is_told_to_everybody() {
    let storage = Storage::up();
    for what in ["live", "ready", "cluster"] {
        let address = format!("{}/minio/health/{what}", storage.endpoint);
        let answer = stage::http().get(address).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{what}");
    }
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let storage = Storage::standin(tempfile::tempdir().unwrap());
    let client = storage.client();
    let bucket = storage.bucket(&client).await;
    put(&client, &bucket, "a/b", "hello").await;
    put(&client, &bucket, "a", "hello").await;
    let storage = Storage::standin(storage.end());
    let client = storage.client();
    assert_eq!(text(&client, &bucket, "a/b").await, "hello");
    let list = client.list_objects_v2().bucket(&bucket).send().await;
    let list = list.unwrap();
    assert_eq!(list.key_count(), Some(2));
    assert_eq!(list.contents()[0].e_tag(), Some(HELLO));
}
