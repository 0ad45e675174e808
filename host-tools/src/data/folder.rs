//! Images in a folder per class, on disk or in a .zip. Only chosen images are decoded.

use super::tree::{self, Tree};
use super::{DataError, Layout, Loaded, Samples, file};
use image::DynamicImage;
use rayon::prelude::*;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];
/// Clones share the bytes, so that every thread unpacks by itself.
type Zip = zip::ZipArchive<Cursor<Arc<[u8]>>>;

/// Images of which only the names are known.
pub(super) struct Images {
    path: PathBuf,
    zip: Option<Zip>,
    tree: Tree,
}

/// Height, width and channels of all images.
#[derive(Clone, Copy)]
struct Form {
    size: (u32, u32),
    channels: usize,
}

pub(super) fn open(path: &Path) -> Result<Images, DataError> {
    let zip = if tree::has_extension(path, &["zip"]) { Some(open_zip(path)?) } else { None };
    let tree = match &zip {
        Some(zip) => list_zip(path, zip)?,
        None => tree::list(path, &EXTENSIONS)?,
    };
    Ok(Images { path: path.to_path_buf(), zip, tree })
}

impl Images {
    pub(super) fn len(&self) -> usize {
        self.tree.files.len()
    }

    /// Decodes the images at `indices`, on all threads; grey where the network takes one channel.
    pub(super) fn read(self, indices: &[usize], channels: Option<usize>) -> Result<Loaded, DataError> {
        let files: Vec<&(u32, PathBuf)> = indices.iter().map(|&index| &self.tree.files[index]).collect();
        let mut form = Form { size: (0, 0), channels: 3 };
        if let Some((_, first)) = files.first() {
            let image = self.decode(&mut self.zip.clone(), first)?;
            let own = if image.color().has_color() { 3 } else { 1 };
            // A wrong channel count is reported with both shapes when the samples meet the network.
            let channels = if channels.unwrap_or(own) == 1 { 1 } else { 3 };
            form = Form { size: (image.height(), image.width()), channels };
        }
        let (h, w) = (form.size.0 as usize, form.size.1 as usize);
        let len = h * w * form.channels;
        let mut pixels = vec![0; files.len() * len];
        let failed = pixels
            .par_chunks_exact_mut(len.max(1))
            .zip(&files)
            .map_init(|| self.zip.clone(), |zip, (out, (_, file))| self.write(zip, file, form, out))
            // The first in order, whichever thread was first.
            .find_first(Result::is_err);
        failed.unwrap_or(Ok(()))?;
        Ok(Loaded {
            samples: Samples::U8(pixels),
            dims: vec![h, w, form.channels],
            layout: Some(Layout::Hwc),
            pixels: true,
            labels: files.iter().map(|(label, _)| *label).collect(),
            classes: self.tree.classes,
        })
    }

    fn write(&self, zip: &mut Option<Zip>, file: &Path, form: Form, out: &mut [u8]) -> Result<(), DataError> {
        let image = self.decode(zip, file)?;
        let (h, w) = (image.height(), image.width());
        if (h, w) != form.size {
            let (height, width) = form.size;
            let what = format!("{h}x{w} pixels where the first image has {height}x{width}; scale them alike");
            return Err(self.wrong(file, what));
        }
        out.copy_from_slice(&match form.channels {
            1 => image.into_luma8().into_raw(),
            _ => image.into_rgb8().into_raw(),
        });
        Ok(())
    }

    fn decode(&self, zip: &mut Option<Zip>, file: &Path) -> Result<DynamicImage, DataError> {
        let bytes = match zip {
            Some(zip) => unpack(zip, file).map_err(|error| self.wrong(file, error))?,
            None => file::read(file)?,
        };
        image::load_from_memory(&bytes).map_err(|error| self.wrong(file, error.to_string()))
    }

    /// Names the archive too.
    fn wrong(&self, file: &Path, what: String) -> DataError {
        match self.zip {
            Some(_) => DataError::format(&self.path, format!("{}: {what}", file.display())),
            None => DataError::format(file, what),
        }
    }
}

fn open_zip(path: &Path) -> Result<Zip, DataError> {
    zip::ZipArchive::new(Cursor::new(file::read(path)?.into()))
        .map_err(|error| DataError::format(path, error.to_string()))
}

/// Sorts like [`tree::list`]; the class is the folder that an image lies in.
fn list_zip(path: &Path, zip: &Zip) -> Result<Tree, DataError> {
    let mut found = Vec::new();
    for name in zip.file_names() {
        let name = PathBuf::from(name.map_err(|error| DataError::format(path, error.to_string()))?.as_ref());
        let class = name.parent().and_then(Path::file_name).map(|c| c.to_string_lossy().into_owned());
        let hidden = name.iter().any(|part| part.to_string_lossy().starts_with(['.', '_']));
        if let Some(class) = class.filter(|_| !hidden && tree::has_extension(&name, &EXTENSIONS)) {
            found.push((class, name));
        }
    }
    found.sort();
    let (mut classes, mut files) = (Vec::<String>::new(), Vec::new());
    for (class, name) in found {
        if classes.last() != Some(&class) {
            classes.push(class);
        }
        files.push((classes.len() as u32 - 1, name));
    }
    if files.is_empty() {
        return Err(DataError::format(path, "the archive has no PNG or JPEG images in class folders"));
    }
    Ok(Tree { classes, files })
}

fn unpack(zip: &mut Zip, name: &Path) -> Result<Vec<u8>, String> {
    let mut entry = zip.by_name(&name.to_string_lossy()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, InputOptions, Part, Spec};
    use super::*;
    use crate::graph::Shape;
    use std::io::Write;

    fn png(values: &[u8], width: u32) -> Vec<u8> {
        let image = image::GrayImage::from_raw(width, values.len() as u32 / width, values.to_vec()).unwrap();
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn load_spec(path: &Path, picks: &str, c: Option<usize>) -> Result<Dataset, DataError> {
        let shape = c.map(|c| Shape::new(1, 2, c));
        let spec: Spec = format!("folder:{}{picks}", path.display()).parse()?;
        spec.load(Part::Test, &InputOptions { shape, ..Default::default() })
    }

    #[test]
    fn folder_and_zip_give_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let files = [("dog/a.png", [5, 6]), ("cat/b.PNG", [3, 4]), ("cat/a.png", [1, 2])];
        let zip_path = dir.path().join("all.zip");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&zip_path).unwrap());
        for (name, values) in files {
            let path = dir.path().join("all").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, png(&values, 2)).unwrap();
            zip.start_file(format!("all/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&png(&values, 2)).unwrap();
        }
        zip.finish().unwrap();
        std::fs::write(dir.path().join("all/cat/notes.txt"), "x").unwrap();
        for path in [dir.path().join("all"), zip_path] {
            let data = load_spec(&path, "", None).unwrap();
            assert_eq!(data.classes, ["cat", "dog"]);
            assert_eq!(data.labels, [0, 0, 1]);
            assert_eq!(data.samples, Samples::U8(vec![1, 2, 3, 4, 5, 6]));
            assert_eq!(
                load_spec(&path, "@1..2", Some(3)).unwrap().samples,
                Samples::U8(vec![3, 3, 3, 4, 4, 4])
            );
            let message = load_spec(&path, "", Some(5)).unwrap_err().to_string();
            assert!(message.contains("1x2x3") && message.contains("1x2x5"), "{message}");
            assert!(matches!(load_spec(&path, "@7..", None), Err(DataError::Empty { total: 3, .. })));
        }
    }

    #[test]
    fn bad_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let check = |path: &Path, part: &str| {
            let message = load_spec(path, "", None).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        check(dir.path(), "no class folders");
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/1.png"), &png(&[1, 2], 2)[..30]).unwrap();
        check(dir.path(), "1.png");
        std::fs::write(dir.path().join("a/1.png"), png(&[1, 2], 2)).unwrap();
        std::fs::write(dir.path().join("a/2.png"), png(&[1, 2], 1)).unwrap();
        check(dir.path(), "2x1 pixels where the first image has 1x2");
        std::fs::write(dir.path().join("b.zip"), "PK no").unwrap();
        check(&dir.path().join("b.zip"), "b.zip");
        check(&dir.path().join("missing"), "missing");
    }
}
